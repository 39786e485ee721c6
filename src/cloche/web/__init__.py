"""The edge: HTTP in, use cases, HTTP out."""
