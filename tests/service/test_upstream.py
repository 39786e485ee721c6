"""An upstream's pages: fresh, revalidated, stale, absent, offline."""

import asyncio

import pytest

from cloche.core.errors import NoSuchProject, UpstreamDown, UpstreamLies
from cloche.core.model import ProjectName
from cloche.core.upstreams import Freshness
from tests.packages import wheel
from tests.service.worker import (
    PATIENT,
    Clock,
    Employ,
    Options,
    Worker,
    names,
    until,
)
from tests.upstream import kinds
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

DEMO = wheel("demo", "1.0")
NEWER = wheel("demo", "2.0")
NAME = ProjectName("demo")
PAGE = "/simple/demo/"
HASTY = Freshness(patience=0.05)


@pytest.fixture(autouse=True)
def listed(upstream: Upstream) -> None:
    upstream.add(DEMO)


async def asked(upstream: Upstream, count: int) -> None:
    """Wait until so many requests for the page have been answered."""
    await asyncio.to_thread(upstream.wait_for, count, PAGE, ended=True)


async def test_a_fresh_page_costs_no_request(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """A page is asked for again when its Cache-Control says so, and no sooner."""
    upstream.project("demo", max_age=100)
    node = await employ(Options(clock=clock, freshness=PATIENT))
    await node.page()
    clock.move(99)
    await node.page()
    assert len(upstream.requests(PAGE)) == 1

    clock.move(1)
    await node.page()
    assert len(upstream.requests(PAGE)) == 2


LIFETIMES = {
    None: 600,
    "public": 600,
    "max-age=99999999": 86400,
    "MAX-AGE=7": 7,
    "max-age=" + "9" * 5000: 600,
    "max-age=-1": 600,
    'max-age="60"': 600,
}


@pytest.mark.parametrize(("said", "seconds"), LIFETIMES.items())
async def test_how_long_a_page_is_fresh(
    upstream: Upstream, employ: Employ, clock: Clock, said: str | None, seconds: int
) -> None:
    """Without a usable word of the upstream's it is ten minutes, and a day at the most."""
    upstream.misbehave(PAGE, kinds.CacheControl(value=said))
    node = await employ(Options(clock=clock))

    assert ((await node.pypi.page(NAME)).until - clock.now).total_seconds() == seconds


@pytest.mark.parametrize("said", ["no-cache", "no-store", "max-age=0", "private, No-Cache"])
async def test_a_page_that_may_not_be_cached_is_always_asked_for(
    upstream: Upstream, employ: Employ, clock: Clock, said: str
) -> None:
    """An upstream that wants every question gets it, with the page's ETag."""
    upstream.misbehave(PAGE, kinds.CacheControl(value=said))
    node = await employ(Options(clock=clock, freshness=PATIENT))
    await node.page()
    await node.page()

    assert [one.status for one in upstream.requests(PAGE)] == [200, 304]


async def test_an_answer_that_holds_for_no_time_is_not_written_down(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """Asking each time whether a page is another costs the catalog no write."""
    upstream.misbehave(PAGE, kinds.CacheControl(value="max-age=0"))
    node = await employ(Options(clock=clock, freshness=PATIENT))
    await node.page()
    before = await node.catalog.pages.recall("pypi", NAME)
    clock.move(1)
    await node.page()

    assert [one.status for one in upstream.requests(PAGE)] == [200, 304]
    assert await node.catalog.pages.recall("pypi", NAME) == before


async def test_a_stale_page_is_revalidated_by_its_etag(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """What has not changed is not sent again, and is fresh again for as long as before."""
    node = await employ(Options(clock=clock, freshness=PATIENT))
    await node.page()
    clock.move(600)
    answer = await node.pypi.page(NAME)
    await until(lambda: refreshed(node, clock))
    clock.move(599)
    await node.page()

    first, second = upstream.requests(PAGE)
    assert (first.status, second.status) == (200, 304)
    assert "if-none-match" not in first.headers
    assert second.headers["if-none-match"].startswith('"')
    assert names(answer.page) == [DEMO.filename]


async def refreshed(node: Worker, clock: Clock) -> bool:
    """Whether the catalog has noted that the page is fresh."""
    kept = await node.catalog.pages.recall("pypi", NAME)
    return kept is not None and kept.fresh_until > clock.now


async def test_a_page_that_has_changed_is_shown_at_once(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """A client that asks when the page is stale gets the news, if they come in a moment."""
    node = await employ(Options(clock=clock, freshness=PATIENT))
    await node.page()
    upstream.add(NEWER)
    clock.move(600)

    assert names(await node.page()) == [DEMO.filename, NEWER.filename]


async def test_a_page_is_served_stale_while_it_is_revalidated(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """Nobody waits for a slow upstream longer than a moment, and its news come all the same."""
    node = await employ(Options(clock=clock, freshness=HASTY))
    await node.page()
    upstream.add(NEWER)
    clock.move(600)
    with upstream.gate(PAGE):
        stale = await node.pypi.page(NAME)
        assert names(stale.page) == [DEMO.filename]
        assert (stale.until - clock.now).total_seconds() == 1
    await asked(upstream, 2)
    await until(lambda: refreshed(node, clock))

    assert names(await node.page()) == [DEMO.filename, NEWER.filename]
    assert len(upstream.requests(PAGE)) == 2


async def test_a_project_that_is_not_there_is_remembered_briefly(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """The answer "no such project" holds for a minute, then a new project is found."""
    node = await employ(Options(clock=clock))
    for _ in range(3):
        with pytest.raises(NoSuchProject):
            await node.page("new")
    assert len(upstream.requests("/simple/new/")) == 1

    upstream.add(wheel("new", "1.0"))
    clock.move(60)
    assert len((await node.page("new")).files) == 1


async def test_what_clients_make_a_worker_remember_is_bounded(
    node: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guessed names push each other out, not the server out of its memory."""
    monkeypatch.setattr("cloche.service.upstream.MAX_ABSENT", 10)
    for number in range(30):
        with pytest.raises(NoSuchProject):
            await node.page(f"guess{number}")

    assert len(node.pypi._absent) == 10  # noqa: SLF001 - nothing else shows it


async def test_a_project_that_was_deleted_upstream_is_gone(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """A deletion is believed, also by a worker that starts afterwards, and can be undone."""
    node = await employ(Options(clock=clock, freshness=PATIENT))
    await node.page()
    upstream.remove_project("demo")
    clock.move(600)
    with pytest.raises(NoSuchProject):
        await node.page()
    offline = await employ(Options(clock=clock, offline=True))
    with pytest.raises(UpstreamDown):
        await offline.page()

    upstream.add(NEWER)
    clock.move(60)
    assert names(await node.page()) == [NEWER.filename]


async def test_offline_a_kept_page_is_fresh_for_ever(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """An offline server asks nobody, and shows what it has, however old."""
    await (await employ(Options(clock=clock))).page()
    clock.move(10 * 365 * 86400)
    offline = await employ(Options(clock=clock, offline=True))
    upstream.forget()

    assert names(await offline.page()) == [DEMO.filename]
    with pytest.raises(UpstreamDown, match="offline"):
        await offline.page("other")
    assert upstream.requests() == []


async def test_an_upstream_that_says_nothing_has_changed_to_a_first_question(
    upstream: Upstream, node: Worker
) -> None:
    """A 304 without a page to keep is refused."""
    upstream.misbehave(PAGE, kinds.Status(status=304, body=b""))
    with pytest.raises((UpstreamDown, UpstreamLies)):
        await node.page()


async def test_what_is_known_is_told_without_asking(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """`known` tells of what is kept, however old, and asks nobody."""
    node = await employ(Options(clock=clock))
    assert await node.pypi.known(NAME) is None
    await node.page()
    clock.move(10**7)

    known = await node.pypi.known(NAME)
    assert known is not None
    assert names(known) == [DEMO.filename]
    assert len(upstream.requests()) == 1
