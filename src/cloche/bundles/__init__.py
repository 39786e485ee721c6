"""Bundles on this machine's disk: written, read, signed."""
