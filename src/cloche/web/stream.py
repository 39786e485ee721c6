"""A body that is sent as it comes.

Starlette's own streaming watches for the client's leaving in a task beside; the first answer that
does so imports anyio's back end, which holds up everything for 15 ms.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cloche.core.errors import Error
from cloche.logs import Log
from cloche.web.protocol import CutOff, has_left

log = Log(__name__)


class Stream(Response):
    """Sends chunks for as long as the client is there."""

    def __init__(
        self, chunks: AsyncGenerator[bytes, None], status: int, headers: Mapping[str, str]
    ) -> None:
        self._chunks = chunks
        self.status_code = status
        self.background = None
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Send all; a failure cuts the client off, who must not take half for the whole."""
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        try:
            await self._pour(scope, send)
        except Error as e:
            log.warning("client cut off", error=str(e))
            raise CutOff from e
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pour(self, scope: Scope, send: Send) -> None:
        async with aclosing(self._chunks) as chunks:
            async for chunk in chunks:
                if has_left(scope):
                    return
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
