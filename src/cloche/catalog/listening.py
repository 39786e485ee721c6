"""The pulse of PostgreSQL: every write transaction notifies, one thread listens."""

import asyncio
import itertools
import secrets
import selectors
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, func, select

from cloche.catalog.pulse import Announce

if TYPE_CHECKING:  # importing psycopg takes 0.15 s, which SQLite's users need not wait
    import psycopg

CHANNEL = "cloche"

_FIRST_PAUSE = 0.1  # seconds between two tries to connect, doubled up to
_LONGEST_PAUSE = 5.0
_SETTLE = 1.0
# A connection that a firewall has dropped in silence is noticed after 25 seconds.
_KEEPALIVES = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}


def dialer(engine: Engine) -> "Callable[[], psycopg.Connection[Any]]":
    """How to open a connection of one's own to the engine's database."""
    positional, options = engine.dialect.create_connect_args(engine.url)
    patient = {"connect_timeout": 5, "application_name": "cloche", **_KEEPALIVES, **options}
    connect: Any = engine.dialect.import_dbapi().connect
    return lambda: connect(*positional, **{**patient, "autocommit": True})


class ListeningPulse:
    """Counts notifications. The thread begins with the first `beat` or `settle`."""

    def __init__(self, dial: "Callable[[], psycopg.Connection[Any]]") -> None:
        self._dial = dial
        self._me = secrets.token_hex(8)
        self._tickets = itertools.count()
        self._awaited: dict[int, Future[None]] = {}
        self._uncommitted: set[int] = set()
        self._count = 0
        self._lock = Lock()
        self._thread: Thread | None = None
        self._closing = False
        self._wake, self._woken = socket.socketpair()

    def beat(self) -> int:
        if self._thread is None:
            self._start()
        return self._count

    async def settle(self) -> None:
        """Wait for this process's own notifications, at most a second."""
        if self._thread is None:
            self._start()
        with self._lock:
            awaited = dict(self._awaited)
        if not awaited:
            return
        await asyncio.wait(map(asyncio.wrap_future, awaited.values()), timeout=_SETTLE)
        if not all(future.done() for future in awaited.values()):
            self._bump()
            self._heard(*awaited)

    @contextmanager
    def announcing(self) -> Iterator[Announce]:
        ticket = next(self._tickets)

        def announce(connection: Connection) -> None:
            if self._thread is not None:
                with self._lock:
                    self._awaited[ticket] = Future()
                    self._uncommitted.add(ticket)
            connection.execute(select(func.pg_notify(CHANNEL, f"{self._me}:{ticket}")))

        try:
            yield announce
        except BaseException:
            self._heard(ticket)
            raise
        finally:
            with self._lock:
                self._uncommitted.discard(ticket)

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self._wake.send(b"!")
        if self._thread is not None:
            self._thread.join()
        self._heard_all()
        self._wake.close()
        self._woken.close()

    def _start(self) -> None:
        self._thread = Thread(target=self._run, name="catalog-listener", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        """Listen until `close`, over as many connections as it takes."""
        pause = _FIRST_PAUSE
        while not self._closing:
            began = self._count
            try:
                with self._dial() as connection:
                    self._listen(connection)
            except Exception:  # noqa: BLE001  # whatever it was, only a new connection helps
                pause = _FIRST_PAUSE if self._count != began else min(2 * pause, _LONGEST_PAUSE)
                self._wait(pause)

    def _listen(self, connection: "psycopg.Connection[Any]") -> None:
        connection.execute(f"LISTEN {CHANNEL}")
        self._bump()  # anything may have been missed
        self._heard_all()
        while not self._closing:
            for notification in connection.notifies(timeout=0):
                self._bump()
                sender, _, ticket = notification.payload.partition(":")
                if sender == self._me:
                    self._heard(int(ticket))
            self._wait(None, connection.fileno())

    def _wait(self, seconds: float | None, *descriptors: int) -> None:
        """Return when `seconds` are over, one of `descriptors` has news, or at `close`."""
        with selectors.DefaultSelector() as selector:
            for descriptor in (self._woken.fileno(), *descriptors):
                selector.register(descriptor, selectors.EVENT_READ)
            selector.select(seconds)

    def _bump(self) -> None:
        with self._lock:  # two threads that both write 6 would hide one change
            self._count += 1

    def _heard(self, *tickets: int) -> None:
        with self._lock:
            futures = [self._awaited.pop(ticket, None) for ticket in tickets]
        for future in futures:
            if future is not None:
                future.set_result(None)

    def _heard_all(self) -> None:
        """Await none of those that were committed before anybody listened."""
        with self._lock:
            tickets = self._awaited.keys() - self._uncommitted
        self._heard(*tickets)
