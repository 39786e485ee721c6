"""Distributions that were sent before: judged as any hit is, their bytes read anew each time.

What is asked for often the kernel has in memory. So nothing is held here, and a blob that has gone
or lost bytes is found out at once: then the application answers.
"""

import asyncio
from dataclasses import dataclass

from starlette.types import Message, Scope, Send

from cloche.core.errors import Error
from cloche.logs import Log
from cloche.ports import AtHand, Blobs, Opened
from cloche.service.shelf import Rendered, Sent
from cloche.web.protocol import has_left, is_flushed

log = Log(__name__)

AT_ONCE = 256 << 10  # bytes of a body that is sent whole
LARGE, SMALL = 1 << 20, 256 << 10  # bytes of a read


@dataclass(frozen=True, slots=True)
class Sending:
    """`near` is the same store, if this machine's memory may hold its bytes."""

    blobs: Blobs
    near: AtHand | None

    def whole(self, sent: Sent) -> bytearray | None:
        """All its bytes, if they are few and need not be waited for."""
        if sent.size > AT_ONCE or (opened := self.opened(sent)) is None:
            return None
        buffer = bytearray(sent.size)
        try:
            return buffer if opened.fill(buffer, 0) == sent.size else None
        finally:
            opened.close()

    def opened(self, sent: Sent) -> Opened | None:
        return self.near.opened(sent.digest, sent.size) if self.near is not None else None

    async def pour(
        self, opened: Opened, sent: Sent, rendered: Rendered, scope: Scope, send: Send
    ) -> int:
        """Send it piece by piece, and close it; return how many bytes the client took.

        Who is sent less, because the store failed, is cut off by the server.
        """
        await send({"type": "http.response.start", "status": 200, "headers": rendered.headers})
        start = 0
        try:
            start = await self._from_memory(opened, sent, scope, send)
        finally:
            opened.close()
        if start < sent.size:
            return start + await self._from_disk(sent, start, scope, send)
        return start

    async def _from_memory(self, opened: Opened, sent: Sent, scope: Scope, send: Send) -> int:
        """Send what need not be waited for; return how much that was.

        A buffer is filled again once the socket has taken it: the first touch of new memory cost
        a third of all. Clients that are slow have a small one each.
        """
        buffer, start = bytearray(min(LARGE, sent.size)), 0
        while start < sent.size and not has_left(scope):
            piece = memoryview(buffer)[: sent.size - start]
            count = opened.fill(piece, start)
            if not count:
                break
            start += count
            await send(_body(piece[:count], more=start < sent.size))
            if is_flushed(scope):
                await asyncio.sleep(0)  # a client that takes all at once keeps nobody waiting
            else:
                buffer = bytearray(SMALL)
        return start

    async def _from_disk(self, sent: Sent, start: int, scope: Scope, send: Send) -> int:
        count = 0
        try:
            async for chunk in self.blobs.read(sent.digest, start, sent.size):
                if has_left(scope):
                    break
                count += len(chunk)
                await send(_body(chunk, more=start + count < sent.size))
        except Error as e:
            log.warning("client cut off", error=str(e))
        return count


def _body(data: bytes | memoryview, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}
