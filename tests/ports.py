"""Ports that nobody else is given between asking and listening, or while nobody listens there."""

import itertools
import os
import random
import socket

HOST = "127.0.0.1"
# Linux gives 32768 and up to whoever connects or asks for any port, macOS 49152 and up.
_FIRST, _END = 10_000, 32_768
# Each process counts from a place of its own: two seldom come to the same port, let alone at once.
_PORTS = itertools.count(random.Random(os.urandom(8)).randrange(_END - _FIRST))  # noqa: S311 - no secret


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now."""
    for number in itertools.islice(_PORTS, _END - _FIRST):
        port = _FIRST + number % (_END - _FIRST)
        if _is_free(port):
            return port
    raise OSError("no port is free")


def _is_free(port: int) -> bool:
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True
