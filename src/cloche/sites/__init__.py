"""One kind of place a module that static files are written to."""
