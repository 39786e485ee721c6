"""Reading ahead: what arrives while something slow is done with what came before."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

ENOUGH = 1 << 20  # bytes that nobody has taken yet


@dataclass(slots=True)
class _Lead:
    buffer: bytearray = field(default_factory=bytearray)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    room: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def reading_ahead(chunks: AsyncIterator[bytes]) -> AsyncIterator[AsyncIterator[bytes]]:
    """Read `chunks` in a task of its own, and hand on, joined, what has come.

    A connection that breaks takes with it what nobody has read: here somebody has.
    """
    lead = _Lead()
    reading = asyncio.get_running_loop().create_task(_read(chunks, lead))
    reading.add_done_callback(lambda _: lead.news.set())
    try:
        yield _handed_on(lead, reading)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _read(chunks: AsyncIterator[bytes], lead: _Lead) -> None:
    async for chunk in chunks:
        lead.buffer += chunk
        lead.news.set()
        while len(lead.buffer) >= ENOUGH:
            lead.room.clear()
            await lead.room.wait()


async def _handed_on(lead: _Lead, reading: asyncio.Task[None]) -> AsyncIterator[bytes]:
    while True:
        while not lead.buffer and not reading.done():
            lead.news.clear()
            await lead.news.wait()
        if not lead.buffer:
            break
        data = bytes(lead.buffer)
        lead.buffer.clear()
        lead.room.set()
        yield data
    reading.result()  # raises what ended it
