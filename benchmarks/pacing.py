"""Requests of many kinds, as fast as they are answered or at a pace, over a few connections.

At a pace they are due at instants that do not wait for answers: what is late because others were
slow counts as slow itself.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.processes import Unmeasured

CONNECTIONS = 32
TICK = 0.001
GRACE = 10.0
_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length: "


@dataclass(slots=True)
class Load:
    """What came of it: seconds from when each was due to its answer's end, by kind."""

    took: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


class _Connection(asyncio.Protocol):
    """Asks for one thing at a time."""

    def __init__(self, pace: "Pace") -> None:
        self._pace = pace
        self._transport: asyncio.Transport
        self._due = 0.0
        self._head = b""
        self._left = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # of a stream, as these are
        self._pace.rest(self)

    def ask(self, due: float, request: bytes) -> None:
        self._due, self._head, self._left = due, b"", -1
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._left < 0:
            self._head += data
            head, end, rest = self._head.partition(_END)
            if not end:
                return
            at = head.lower().find(_LENGTH)
            if not head.startswith(b"HTTP/1.1 200 ") or at < 0:
                self._pace.fail(head[:200].decode(errors="replace"))
                return
            told = head[at + len(_LENGTH) :].partition(b"\r\n")[0]
            self._left = int(told) - len(rest)
        else:
            self._left -= len(data)
        if self._left <= 0:
            self._left = -1
            self._pace.done(self._due, self)

    def connection_lost(self, error: Exception | None) -> None:
        self._pace.fail(f"the connection ended: {error!r}")

    def close(self) -> None:
        self._transport.abort()


class Pace:
    """One load on one server. It ends when the time is over and all is answered."""

    def __init__(self, port: int, requests: Iterator[bytes], seconds: float, rate: float) -> None:
        """With a rate of 0 the next is due when a connection is free."""
        self._port = port
        self._requests = requests
        self._seconds = seconds
        self._rate = rate
        self._free: deque[_Connection] = deque()
        self._due: deque[float] = deque()
        self._load = Load()
        self._asked = 0
        self._over = False

    def rest(self, connection: _Connection) -> None:
        """Take the next that is due, or wait for it."""
        if self._due:
            self._ask(connection, self._due.popleft())
        elif not self._rate and not self._over:
            self._asked += 1
            self._ask(connection, time.perf_counter())
        else:
            self._free.append(connection)

    def _ask(self, connection: _Connection, due: float) -> None:
        request = next(self._requests, None)
        if request is None:
            self.fail("there were no further requests")
        else:
            connection.ask(due, request)

    def done(self, due: float, connection: _Connection) -> None:
        self._load.took.append(time.perf_counter() - due)
        self.rest(connection)

    def fail(self, why: str) -> None:
        if not self._over or len(self._load.took) < self._asked:
            self._load.wrong.append(why)

    async def run(self) -> Load:
        """Raise Unmeasured when an answer was an error, or did not come."""
        loop = asyncio.get_running_loop()
        made = [
            await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._port)
            for _ in range(CONNECTIONS)
        ]
        began = time.perf_counter()
        try:
            await self._spend(began)
        finally:
            for _, connection in made:
                connection.close()
        if self._load.wrong or len(self._load.took) < self._asked:
            first: Sequence[str] = self._load.wrong or ["it did not come"]
            raise Unmeasured(f"an answer of the mixed load failed: {first[0]}")
        return self._load

    async def _spend(self, began: float) -> None:
        until = began + self._seconds
        while (now := time.perf_counter()) < until and not self._load.wrong:
            while self._rate and began + self._asked / self._rate <= now:
                self._due.append(began + self._asked / self._rate)
                self._asked += 1
            while self._due and self._free:
                self.rest(self._free.popleft())
            await asyncio.sleep(TICK)
        self._over = True
        while len(self._load.took) < self._asked and not self._load.wrong:
            if time.perf_counter() > until + GRACE:
                break
            await asyncio.sleep(TICK)
        self._load.seconds = time.perf_counter() - began
