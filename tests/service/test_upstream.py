"""An upstream's pages: fresh, revalidated, stale, absent, and asked for once."""

import asyncio
import sqlite3
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from cloche.core.errors import NoSuchProject, StorageDown, UpstreamDown, UpstreamLies
from cloche.core.model import Page, ProjectName
from cloche.service.upstream import Freshness
from tests.packages import wheel
from tests.service.full_disk import room_for
from tests.service.worker import BRIEF, Clock, Employ, Options, Worker, until
from tests.upstream import kinds
from tests.upstream.controller import Upstream
from tests.upstream.misbehaviour import Misbehaviour

pytestmark = pytest.mark.anyio

DEMO = wheel("demo", "1.0")
NEWER = wheel("demo", "2.0")
NAME = ProjectName("demo")
PAGE = "/simple/demo/"
PATIENT = Freshness(patience=20)
"""For tests in which news of a kept page must come, however slow this machine is."""

HASTY = Freshness(patience=0.05)


@pytest.fixture(autouse=True)
def listed(upstream: Upstream) -> None:
    upstream.add(DEMO)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def names(page: Page) -> list[str]:
    return [file.filename for file in page.files]


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


FAILURES: dict[str, Misbehaviour] = {
    "500": kinds.Status(status=500),
    "503": kinds.Status(status=503),
    "429": kinds.Status(status=429),
    "403": kinds.Status(status=403),
    "teapot": kinds.Status(status=418),
    "apology": kinds.Status(status=200, body=b"<html>Sorry!</html>", media_type="text/html"),
    "nothing": kinds.Status(status=200, body=b"", media_type="text/html"),
    "half": kinds.InvalidJson(),
    "text": kinds.MediaType(value="text/plain"),
    "cut": kinds.Cut(after=10),
    "stalled": kinds.Stalled(after=10),
    "loop": kinds.Redirect(to=PAGE),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
async def test_a_page_is_served_stale_when_the_upstream_fails(
    upstream: Upstream, employ: Employ, clock: Clock, failure: Misbehaviour
) -> None:
    """However an upstream fails, a page that is kept goes on being served."""
    node = await employ(Options(clock=clock, freshness=PATIENT, settings=BRIEF))
    await node.page()
    clock.move(600)
    upstream.misbehave(PAGE, failure)

    assert names(await node.page()) == [DEMO.filename]


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
async def test_a_failure_is_never_an_absent_or_empty_project(
    upstream: Upstream, employ: Employ, failure: Misbehaviour
) -> None:
    """With nothing kept, an upstream that fails is an outage: no empty page, no 404."""
    node = await employ(Options(settings=BRIEF))
    upstream.misbehave(PAGE, failure)
    with pytest.raises((UpstreamDown, UpstreamLies)):
        await node.page()
    upstream.behave()

    assert names(await node.page()) == [DEMO.filename]


async def test_an_upstream_that_cannot_be_reached(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """A refused connection is an outage, and hides nothing that is kept."""
    node = await employ(Options(clock=clock, freshness=PATIENT))
    await node.page()
    clock.move(600)
    with upstream.down():
        assert names(await node.page()) == [DEMO.filename]
        with pytest.raises(UpstreamDown):
            await node.page("other")


async def test_an_upstream_that_has_failed_is_left_alone(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """After a failure nobody waits for the same page again until it is time for another try."""
    freshness = Freshness(patience=20, after_failure=30)
    node = await employ(Options(clock=clock, freshness=freshness, settings={"attempts": 1}))
    await node.page()
    clock.move(600)
    upstream.misbehave(PAGE, kinds.Status(status=500))
    await node.page()
    clock.move(29)
    await node.page()
    assert len(upstream.requests(PAGE)) == 2

    clock.move(1)
    await node.page()
    assert len(upstream.requests(PAGE)) == 3


async def test_an_upstream_is_left_alone_for_as_long_as_it_wishes(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """Retry-After is honoured while a page is kept."""
    node = await employ(Options(clock=clock, freshness=PATIENT))
    await node.page()
    clock.move(600)
    upstream.misbehave(PAGE, kinds.Status(status=429, retry_after="120"))
    await node.page()
    clock.move(119)
    await node.page()
    assert len(upstream.requests(PAGE)) == 2

    clock.move(1)
    await node.page()
    assert len(upstream.requests(PAGE)) == 3


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
        async with asyncio.timeout(10):
            assert names(await node.page()) == [DEMO.filename]
    assert sum([len(chunk) async for chunk in body.chunks]) == big.size


def write_locked(folder: Path) -> AbstractContextManager[sqlite3.Connection]:
    """Somebody else writes to the catalog, and takes long."""
    other = sqlite3.connect(folder / "catalog.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return closing(other)


async def test_reading_never_waits_for_the_write_lock(
    tmp_path: Path, upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """While somebody writes for long, cold, kept and revalidated pages and files are served."""
    big = wheel("big", "1.0", size=400_000)
    upstream.add(big)
    node = await employ(Options(clock=clock))
    await node.page()
    clock.move(600)
    with write_locked(tmp_path):
        async with asyncio.timeout(5):
            assert names(await node.page()) == [DEMO.filename]
            assert names(await node.page("big")) == [big.filename]
            assert await node.bytes_of(big) == big.content
            assert await node.bytes_of(big) == big.content


async def test_a_full_disk_hides_no_page(upstream: Upstream, employ: Employ, clock: Clock) -> None:
    """When nothing more can be kept, what the upstream says is shown all the same."""
    node = await employ(Options(clock=clock, freshness=PATIENT))
    await node.page()
    clock.move(600)
    upstream.add(NEWER)
    with room_for(0):
        assert names(await node.page()) == [DEMO.filename, NEWER.filename]
    kept = await node.pypi.known(NAME)
    assert kept is not None
    assert names(kept) == [DEMO.filename]


async def test_a_broken_scratch_disk_hides_no_kept_page(
    tmp_path: Path, employ: Employ, clock: Clock
) -> None:
    """A page that is kept needs no disk to write to: it is served when it is stale, too."""
    node = await employ(Options(clock=clock, freshness=PATIENT))
    await node.page()
    clock.move(600)
    (tmp_path / "spool" / "locks").rmdir()

    assert names(await node.page()) == [DEMO.filename]
    with pytest.raises(StorageDown):
        await node.page("other")


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
