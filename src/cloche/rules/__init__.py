"""One kind of rule a module: the settings that it takes, and what it objects to."""
