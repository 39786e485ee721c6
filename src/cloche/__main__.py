"""`python -m cloche`."""

from cloche.cli import main

main()
