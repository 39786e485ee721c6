"""Connections to an upstream that are opened before they are needed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from cloche.core.errors import UpstreamDown
from cloche.core.model import ProjectName
from cloche.ports import Greetable, Upstream
from cloche.upstreams._warm import GREETED, SPARE
from cloche.upstreams.simple import Settings, connect

PAGE = b'{"meta": {"api-version": "1.0"}, "name": "six", "files": []}'
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.pypi.simple.v1+json\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(PAGE), PAGE)
)
SIX = ProjectName("six")

pytestmark = pytest.mark.anyio


@dataclass
class Counting:
    """An upstream that counts who comes, and answers whoever asks."""

    came: int = 0
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with self.news:
            self.came += 1
            self.news.notify_all()
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(ANSWER)
        except asyncio.IncompleteReadError:
            writer.close()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10), self.news:
            await self.news.wait_for(lambda: self.came >= count)


@asynccontextmanager
async def counted(connections: int) -> AsyncIterator[tuple[Counting, Upstream]]:
    upstream = Counting()
    server = await asyncio.start_server(upstream.answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    settings = Settings(url=f"http://{host}:{port}/simple/", connections=connections)
    asking = connect("counted", settings)
    try:
        yield upstream, asking
    finally:
        await asking.close()
        server.close()


async def test_who_opens_one_connection_opens_some_to_spare() -> None:
    """With the first question come the connections that the next ones will need."""
    async with counted(50) as (upstream, asking):
        await asking.page(SIX, None)
        await upstream.until(1 + SPARE)


async def test_who_is_greeted_needs_no_connection_to_be_asked() -> None:
    """A connection that was opened before any question is the one that the first goes over."""
    async with counted(GREETED // 2) as (upstream, asking):
        assert isinstance(asking, Greetable)
        await asking.greet()
        await upstream.until(GREETED)
        await asking.page(SIX, None)
        assert upstream.came == GREETED


async def test_spares_are_opened_beside_those_that_are_idle() -> None:
    """An idle connection is not taken for a new one."""
    async with counted(50) as (upstream, asking):
        assert isinstance(asking, Greetable)
        await asking.greet()
        await asking.page(SIX, None)
        await upstream.until(GREETED + SPARE)


async def test_who_cannot_be_greeted_is_not_missed() -> None:
    """Nobody hears of an upstream that is down before somebody asks it."""
    asking = connect("gone", Settings(url="http://127.0.0.1:9/simple/"))
    assert isinstance(asking, Greetable)
    await asking.greet()
    await asking.close()


async def test_questions_at_once_use_what_is_spare() -> None:
    """As many questions at once as there are spare connections need no new one."""
    async with counted(SPARE // 2) as (upstream, asking):
        await asking.page(SIX, None)
        await upstream.until(SPARE)
        await asyncio.gather(*(asking.page(SIX, None) for _ in range(5 * SPARE)))
        assert upstream.came == SPARE


@pytest.mark.parametrize("connections", [1, 3])
async def test_the_limit_holds(connections: int) -> None:
    """There are never more connections than the settings allow, for pages and for files."""
    async with counted(connections) as (upstream, asking):
        await asyncio.gather(*(asking.page(SIX, None) for _ in range(20)))
        assert upstream.came <= 2 * connections


async def test_spares_of_an_upstream_that_is_down_are_given_up() -> None:
    """Whoever asks hears that it cannot be reached, and once."""
    asking = connect("gone", Settings(url="http://127.0.0.1:9/simple/"))
    with pytest.raises(UpstreamDown, match="gone cannot be reached"):
        await asking.page(SIX, None)
    await asking.close()
