"""The pulse of PostgreSQL: what was seen holds for a moment, and writers outwait that moment.

NOTIFY tells sooner, but promises nothing: a worker on a busy machine hears it after the upload
was answered, and serves the page as it was before. A lease needs no messages to arrive.
"""

import asyncio
import itertools
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

if TYPE_CHECKING:  # importing psycopg takes 0.15 s, which SQLite's users need not wait
    import psycopg

LEASE = 0.03  # seconds
MARGIN = 0.005  # by which an event loop may wake too early

_QUERY = "SELECT coalesce(max(serial), 0) FROM journal"
_PAUSE = 0.1  # seconds between two tries to connect
# A connection that a firewall has dropped in silence is noticed after 25 seconds.
_KEEPALIVES = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}


def dialer(engine: Engine) -> "Callable[[], psycopg.Connection[Any]]":
    """How to open a connection of one's own to the engine's database."""
    positional, options = engine.dialect.create_connect_args(engine.url)
    patient = {"connect_timeout": 5, "application_name": "cloche", **_KEEPALIVES, **options}
    connect: Any = engine.dialect.import_dbapi().connect
    return lambda: connect(*positional, **{**patient, "autocommit": True})


class LeasedPulse:
    """The journal's newest serial, as it was at most LEASE seconds ago.

    A thread renews it while somebody asks, and sleeps while nobody does. When it is late, or
    the database is away, each beat is another number: then everything kept is asked for again.
    """

    def __init__(self, dial: "Callable[[], psycopg.Connection[Any]]") -> None:
        self._dial = dial
        self._serial = 0
        self._until = self._renew_from = 0.0
        self._doubts = itertools.count(-1, -1)
        self._wanted, self._closing = Event(), Event()
        self._thread: Thread | None = None

    def beat(self) -> int:
        now = time.monotonic()
        if now >= self._renew_from:
            self._renew_from = now + LEASE / 2
            self._ask()
        return self._serial if now < self._until else next(self._doubts)

    async def settle(self) -> None:
        """Outwait every lease that was taken before the last commit."""
        await asyncio.sleep(LEASE + MARGIN)

    def wrote(self) -> None:
        self._until = self._renew_from = 0.0

    def close(self) -> None:
        self._closing.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _ask(self) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._run, name="catalog-pulse", daemon=True)
            self._thread.start()
        self._wanted.set()

    def _run(self) -> None:
        """Look whenever it is wanted until `close`, over as many connections as it takes."""
        while not self._closing.is_set():
            with suppress(Exception), self._dial() as connection:
                self._look_on(connection)
            self._closing.wait(_PAUSE)

    def _look_on(self, connection: "psycopg.Connection[Any]") -> None:
        while self._wanted.wait() and not self._closing.is_set():
            self._wanted.clear()
            began = time.monotonic()  # before the look: what commits meanwhile may be missed
            row = connection.execute(_QUERY).fetchone()
            self._serial = row[0] if row else 0
            self._until = began + LEASE
