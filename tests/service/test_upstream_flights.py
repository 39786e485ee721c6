"""One question upstream, however many ask, and nobody waits for another's."""

import asyncio

import pytest

from cloche.core.errors import UpstreamDown
from cloche.core.model import ProjectName
from tests.packages import wheel
from tests.service.worker import (
    PATIENT,
    Clock,
    Employ,
    Options,
    Worker,
    names,
)
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

DEMO = wheel("demo", "1.0")
NEWER = wheel("demo", "2.0")
NAME = ProjectName("demo")
PAGE = "/simple/demo/"


@pytest.fixture(autouse=True)
def listed(upstream: Upstream) -> None:
    upstream.add(DEMO)


async def test_many_who_ask_at_once_cause_one_request(upstream: Upstream, node: Worker) -> None:
    """However many clients ask for a cold page, the upstream is asked once, and all get it."""
    with upstream.gate(PAGE):
        asking = [asyncio.ensure_future(node.page()) for _ in range(200)]
        await asyncio.to_thread(upstream.wait_for, 1, PAGE)
    pages = await asyncio.gather(*asking)

    assert {len(page.files) for page in pages} == {1}
    assert len(upstream.requests(PAGE)) == 1


async def test_the_client_that_asked_first_may_leave(upstream: Upstream, node: Worker) -> None:
    """A question goes on when whoever caused it has gone."""
    with upstream.gate(PAGE):
        first, second = asyncio.ensure_future(node.page()), asyncio.ensure_future(node.page())
        await asyncio.to_thread(upstream.wait_for, 1, PAGE)
        first.cancel()
    assert names(await second) == [DEMO.filename]
    assert len(upstream.requests(PAGE)) == 1


async def test_two_workers_cause_one_request(upstream: Upstream, employ: Employ) -> None:
    """Clients of all workers together cause one request for a cold page."""
    workers = [await employ() for _ in range(3)]
    with upstream.gate(PAGE):
        asking = [asyncio.ensure_future(one.page()) for one in workers * 20]
        await asyncio.to_thread(upstream.wait_for, 1, PAGE)
    pages = await asyncio.gather(*asking)

    assert {len(page.files) for page in pages} == {1}
    assert len(upstream.requests(PAGE)) == 1


async def test_two_workers_cause_one_revalidation(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """What one worker has revalidated is fresh for the others."""
    options = Options(clock=clock, freshness=PATIENT)
    workers = [await employ(options) for _ in range(3)]
    await workers[0].page()
    clock.move(600)
    await asyncio.gather(*(one.page() for one in workers * 20))

    assert [one.status for one in upstream.requests(PAGE)] == [200, 304]


async def test_a_slow_project_does_not_hold_up_another(upstream: Upstream, node: Worker) -> None:
    """While one project's page is on its way, another one's is asked for and answered."""
    upstream.add(wheel("other", "1.0"))
    with upstream.gate(PAGE):
        slow = asyncio.ensure_future(node.page())
        await asyncio.to_thread(upstream.wait_for, 1, PAGE)
        assert len((await node.page("other")).files) == 1
        assert not slow.done()
    await slow


async def test_pages_do_not_wait_for_big_files(upstream: Upstream, employ: Employ) -> None:
    """Files that take every connection they may have leave those of the pages free."""
    node = await employ(Options(settings={"connections": 1}))
    big = wheel("big", "1.0", size=400_000)
    with upstream.gate(upstream.add(big), after=200_000):
        body = await node.fetch.open(await node.artifact(big))
        async with asyncio.timeout(60):
            assert names(await node.page()) == [DEMO.filename]
    assert sum([len(chunk) async for chunk in body.chunks]) == big.size


async def test_nobody_waits_for_ever_when_the_server_stops(
    upstream: Upstream, node: Worker
) -> None:
    """Whoever waits for a page when the server is closed hears that it stops."""
    with upstream.gate(PAGE):
        asking = asyncio.ensure_future(node.page())
        await asyncio.to_thread(upstream.wait_for, 1, PAGE)
        await node.pypi.close()
        with pytest.raises(UpstreamDown, match="stopping"):
            await asking
