"""A package index server for Python: hosts private packages and caches PyPI behind one URL."""

__version__ = "0.1.0"
