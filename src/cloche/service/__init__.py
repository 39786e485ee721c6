"""Use cases, over core and ports only."""
