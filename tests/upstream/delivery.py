"""Puts an answer on the wire, true to its delays, gates, false lengths and early ends."""

import asyncio

from aiohttp import web

from tests.upstream.answers import Answer, CutOff
from tests.upstream.model import Recorded
from tests.upstream.world import World

BODILESS = (204, 304)
ANSWER = web.RequestKey("answer", Answer)


async def deliver(
    request: web.Request, answer: Answer, record: Recorded, world: World
) -> web.StreamResponse:
    """Send the answer and write into the record how far it came."""
    request[ANSWER] = answer
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    try:
        await _Delivery(request, response, answer, record, world).run()
        record.end = "whole"
    except CutOff:
        record.end = "cut"
        _close(request)
    except (asyncio.CancelledError, ConnectionError):
        record.end = "gone"
        raise
    finally:
        await world.seen.wake()
    return response


async def only_our_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Undo the Content-Type that aiohttp gives to an answer without one."""
    answer = request.get(ANSWER)
    if answer is not None and "Content-Type" not in answer.headers:
        response.headers.popall("Content-Type", None)


class _Delivery:
    """One answer on its way: its body goes out in stretches, with actions between them."""

    def __init__(
        self,
        request: web.Request,
        response: web.StreamResponse,
        answer: Answer,
        record: Recorded,
        world: World,
    ) -> None:
        self._request = request
        self._response = response
        self._answer = answer
        self._record = record
        self._world = world
        self._empty = request.method == "HEAD" or answer.status in BODILESS

    async def run(self) -> None:
        actions = sorted(self._answer.actions, key=lambda pair: pair[0])
        for _, action in (pair for pair in actions if pair[0] < 0):
            await action(self._world)
        await self._headers()
        for offset, action in (pair for pair in actions if pair[0] >= 0):
            await self._body_until(offset)
            await action(self._world)
        await self._body_until(len(self._answer.body))
        while self._answer.endless and not self._empty:
            await self._world.sleep(self._answer.pause)
            await self._write(self._answer.endless)
        await self._response.write_eof()

    async def _headers(self) -> None:
        if self._answer.length is None:
            self._response.enable_chunked_encoding()
        elif self._answer.status not in BODILESS:
            self._response.content_length = self._answer.length
        await self._response.prepare(self._request)
        self._record.status = self._answer.status

    async def _body_until(self, offset: int) -> None:
        if self._empty:
            return
        while (start := self._record.sent) < offset:
            if self._answer.pause:
                await self._world.sleep(self._answer.pause)
            await self._write(self._answer.body[start : min(offset, start + self._answer.chunk)])

    async def _write(self, data: bytes) -> None:
        length = self._answer.length
        room = len(data) if length is None else max(0, length - self._record.sent)
        if data[:room]:
            await self._response.write(data[:room])
        if data[room:] and self._request.transport is not None:
            # aiohttp writes nothing past the Content-Length, and that is what this is for.
            self._request.transport.write(data[room:])
        self._record.sent += len(data)


def _close(request: web.Request) -> None:
    """Close the connection after what has been written: the client sees an early end."""
    if request.transport is not None:
        request.transport.close()
