"""Pages for people: what a browser sees."""
