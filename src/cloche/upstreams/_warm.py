"""Connections that are opened before they are needed.

A resolver asks for one page, then for its metadata, then for ten pages at once: each time that more
is asked at once than before, new connections cost a round trip (two, with TLS) before anything is
said on them. So whoever opens one opens some to spare, and more once those are in use.
"""

import asyncio
import ssl
from collections import defaultdict
from collections.abc import Hashable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass

import aiohttp
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

SPARE = 16  # connections beyond those that are in use
GREETED = 4  # connections at the start: for a page, and what is asked for beside it
IDLE = 10.0  # seconds without use after which those that were open count as closed
MAX_ORIGINS = 1000  # that are remembered
_anew = ContextVar("_anew", default=False)


@dataclass(slots=True)
class _Use:
    """Of one origin: connections that are in use, that were opened, and when one was last asked."""

    busy: int = 0
    opened: int = 0
    at: float = 0.0


class Warm(aiohttp.TCPConnector):
    """A connector that is ahead of its use, within its limit."""

    def __init__(self, limit: int, tls: ssl.SSLContext | None) -> None:
        super().__init__(limit=limit, ssl=tls or True)
        self._uses: defaultdict[Hashable, _Use] = defaultdict(_Use)
        self._spares: set[asyncio.Task[None]] = set()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
    ) -> Connection:
        use = self._use(req.connection_key)
        use.busy += 1
        if req.proxy is None:
            self._open_some(use, req, timeout)
        try:
            connection = await super().connect(req, traces, timeout)
        except BaseException:
            use.busy -= 1
            raise
        connection.add_callback(lambda: self._release_one(use))
        return connection

    async def greet(self, url: URL, seconds: float) -> None:
        """Open a few connections to the address's origin; nobody has to hear if that cannot be."""
        request = aiohttp.ClientRequest("GET", url, loop=self._loop)
        use = self._use(request.connection_key)
        use.opened = max(use.opened, GREETED)
        patience = aiohttp.ClientTimeout(sock_connect=seconds)
        await asyncio.gather(*(self._open(request, patience) for _ in range(GREETED)))

    async def close(self, *, abort_ssl: bool = False) -> None:
        for task in self._spares:
            task.cancel()
        await super().close(abort_ssl=abort_ssl)

    def _use(self, origin: Hashable) -> _Use:
        if len(self._uses) >= MAX_ORIGINS:
            self._uses.clear()
        use, now = self._uses[origin], self._loop.time()
        if now - use.at > IDLE:
            use.opened = use.busy
        use.at = now
        return use

    def _open_some(
        self, use: _Use, req: aiohttp.ClientRequest, timeout: aiohttp.ClientTimeout
    ) -> None:
        if use.opened - use.busy >= SPARE:
            return
        there = max(use.busy, use.opened)
        spare = max(0, min(SPARE, self.limit - there))
        use.opened = there + spare
        for _ in range(spare):
            task = self._loop.create_task(self._open(req, timeout))
            self._spares.add(task)
            task.add_done_callback(self._spares.discard)

    async def _open(
        self,
        req: aiohttp.ClientRequest,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
    ) -> None:
        _anew.set(True)  # for this task alone
        with suppress(aiohttp.ClientError, OSError):  # whoever needs it will hear of it
            (await super().connect(req, [], timeout)).release()

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        # aiohttp knows no other way to open one more while some are idle, nor counts those.
        idle = sum(map(len, self._conns.values()))
        if _anew.get() and len(self._acquired) + idle < self.limit:
            return None
        return await super()._get(key, traces)

    def _release_one(self, use: _Use) -> None:
        use.busy -= 1
