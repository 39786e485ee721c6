"""Learning that somebody has written, without asking the database a question worth measuring."""

import asyncio
import sqlite3
import time
from typing import Protocol

from cloche.ports import Pulse

_GLANCE = 0.001  # seconds


class Beacon(Pulse, Protocol):
    """A pulse, from the side of those who write."""

    def wrote(self) -> None:
        """Say that this process has just committed something."""

    def close(self) -> None:
        """Give back threads and connections."""


class SqlitePulse:
    """SQLite's data_version: it changes when any other connection has committed.

    Asking takes two locks, 3 µs: an eighth of a worker at 40,000 requests a second. So other
    processes are looked at once in a millisecond, and `settle` outlasts that millisecond.
    """

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._look = self._connection.cursor().execute
        self._seen = 0
        self._until = 0.0

    def beat(self) -> int:
        now = time.monotonic()  # before the look: what commits meanwhile may be missed
        if now >= self._until:
            # Set first, so that a write of this process that ends meanwhile can reset it.
            self._until = now + _GLANCE
            self._seen = self._look("PRAGMA data_version").fetchone()[0]
        return self._seen

    async def settle(self) -> None:
        await asyncio.sleep(2 * _GLANCE)

    def wrote(self) -> None:
        self._until = 0.0

    def close(self) -> None:
        self._connection.close()
