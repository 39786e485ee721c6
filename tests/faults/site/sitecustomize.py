"""Python imports this before a program's first line: in a server, and in each of its workers."""

from tests.faults import failpoints

failpoints.install()
