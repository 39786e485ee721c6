"""What an upstream leaves unsaid is learned here, and stated from then on."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from cloche.core.model import File, FileKey, ProjectName
from cloche.core.negotiation import Format
from cloche.core.wire import render_page
from tests.packages import Built, sdist, wheel
from tests.service.worker import Clock, Employ, Options, Worker, everything
from tests.upstream import kinds
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

DEMO = wheel("demo", "1.0", size=200_000)
NEWER = sdist("demo", "2.0")
NAME = ProjectName("demo")
PAGE = "/simple/demo/"
BARE = ("hashes", "size", "upload-time", "core-metadata")


@pytest.fixture(params=["json", "html"])
def poor(request: pytest.FixtureRequest, upstream: Upstream) -> Upstream:
    """An upstream that says no more of its file than where it lies, in either format."""
    upstream.add(DEMO, metadata=False, hashes={})
    upstream.misbehave(PAGE, kinds.Without(fields=(*BARE[1:], "versions")))
    if request.param == "html":
        upstream.misbehave(PAGE, kinds.HtmlOnly())
    return upstream


async def listed(node: Worker, built: Built = DEMO) -> File:
    file = (await node.shelf.get("main", NAME)).page.find(built.filename)
    assert file is not None
    return file


async def entry(node: Worker, built: Built = DEMO) -> dict[str, Any]:
    """The file's entry as a JSON client reads it."""
    page = (await node.shelf.get("main", NAME)).page
    said = msgspec.json.decode(render_page(page, Format.JSON, "../p/"))
    found: dict[str, Any] = next(e for e in said["files"] if e["filename"] == built.filename)
    return found


async def read(node: Worker, key: FileKey, built: Built = DEMO) -> bytes:
    wanted = await node.files.find("main", NAME, key, built.filename)
    content = await everything(await node.files.open(wanted, 0, None))
    await node.fetch.close(10)  # a file is kept behind its clients' backs
    return content


async def test_a_page_learns_from_a_file(poor: Upstream, node: Worker) -> None:
    """Once a file came, its size and sha256 are stated, under the same URL, and nobody is asked."""
    before = await listed(node)
    assert (before.size, before.hashes) == (None, {})
    assert await read(node, before.key) == DEMO.content

    after = await listed(node)

    assert (after.size, after.hashes) == (DEMO.size, {"sha256": DEMO.sha256})
    assert after.key == before.key == (await entry(node))["url"].split("/")[2]
    assert await read(node, after.key) == DEMO.content
    assert len(poor.requests(PAGE)) == 1
    assert len(poor.requests("/files/")) == 1


async def test_every_worker_learns(poor: Upstream, employ: Employ) -> None:
    """What one worker fetched another one's page states too, and still after a restart."""
    first, second = await employ(), await employ()
    assert (await listed(second)).size is None
    await read(first, (await listed(first)).key)

    assert (await listed(second)).sha256 == DEMO.sha256
    with poor.down():
        third = await employ(Options(offline=True))
        assert (await listed(third)).sha256 == DEMO.sha256


async def test_a_url_without_a_listed_digest_is_never_immutable(
    poor: Upstream, node: Worker
) -> None:
    """What was found out may be lost with the cache, so the URL promises nothing by itself."""
    key = (await listed(node)).key
    assert key.startswith("u")
    for _ in range(2):
        assert (await node.files.find("main", NAME, key, DEMO.filename)).etag == ""
        await read(node, key)
    assert len(poor.requests("/files/")) == 1


async def test_a_size_alone_is_learned_too(upstream: Upstream, node: Worker) -> None:
    """A page with digests and no sizes gains these, file by file (PEP 700)."""
    upstream.add(DEMO)
    upstream.misbehave(PAGE, kinds.HtmlOnly())
    before = await listed(node)
    assert (before.sha256, before.size) == (DEMO.sha256, None)
    await read(node, before.key)

    assert (await listed(node)).size == DEMO.size


async def test_a_page_that_says_all_is_not_touched(upstream: Upstream, node: Worker) -> None:
    """Where nothing is missing no file changes the page, and the database is not asked."""
    upstream.add(DEMO)
    await listed(node)
    before = await listed(node)
    queries = count_queries(node)
    await read(node, before.key)

    assert await listed(node) == before
    await node.pypi.page(NAME)
    assert queries() == 0


def count_queries(node: Worker) -> Callable[[], int]:
    """How often findings are looked up, from now on."""
    seen: list[str] = []
    database = node.catalog.database

    def note(*args: Any) -> None:
        if "sightings" in args[2] or ("FROM held" in args[2] and "held.project =" in args[2]):
            seen.append(args[2])

    from sqlalchemy import event  # noqa: PLC0415 - used here alone

    event.listen(database.engine, "before_cursor_execute", note)
    return lambda: len(seen)


# First seen -------------------------------------------------------------------------------------


async def test_a_first_sighting_is_marked_as_such(poor: Upstream, employ: Employ) -> None:
    """A file without a time has that of its first sighting, with a word that says so."""
    clock = Clock()
    node = await employ(Options(clock=clock))
    seen = clock.now
    said = await entry(node)

    assert said["upload-time"] == seen.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert said["_upload-time-source"] == "first-seen"
    assert ((await listed(node)).upload_time, (await listed(node)).first_seen) == (None, seen)
    assert poor.requests(PAGE)


async def test_a_first_sighting_stays(poor: Upstream, employ: Employ) -> None:
    """A file that is seen again has its first time, one that is new has its own."""
    clock = Clock()
    node = await employ(Options(clock=clock))
    first = clock.now
    await listed(node)
    clock.move(100_000)
    poor.add(NEWER, metadata=False, hashes={})

    assert (await listed(node, NEWER)).first_seen == clock.now
    assert (await listed(node)).first_seen == first
    again = await employ(Options(clock=clock))
    assert (await listed(again, NEWER)).first_seen == clock.now
    assert (await listed(again)).first_seen == first


async def test_a_first_sighting_outlives_the_documents(poor: Upstream, employ: Employ) -> None:
    """The time is known still when every page was evicted, and the upstream asked anew."""
    clock = Clock()
    node = await employ(Options(clock=clock))
    first = clock.now
    await listed(node)
    with node.catalog.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM pages")
        connection.exec_driver_sql("DELETE FROM documents")
    clock.move(100_000)
    again = await employ(Options(clock=clock))

    assert (await listed(again)).first_seen == first
    assert len(poor.requests(PAGE)) == 2


async def test_other_bytes_are_seen_anew(upstream: Upstream, employ: Employ) -> None:
    """A file that was replaced under its name does not inherit the time of the one before."""
    clock = Clock()
    node = await employ(Options(clock=clock))
    upstream.add(DEMO, upload_time=None)
    first = (await listed(node)).first_seen
    upstream.add(wheel("demo", "1.0", body=b"other = True\n"), upload_time=None)
    clock.move(100_000)

    assert (await listed(node)).first_seen == clock.now
    assert first == clock.now - timedelta(seconds=100_000)


async def test_a_stated_time_is_the_only_one(upstream: Upstream, node: Worker) -> None:
    """Where the upstream states a time it is stated here, with no mark, and none is recorded."""
    upstream.add(DEMO)
    said = await entry(node)

    assert said["upload-time"] == "2024-01-02T03:04:05.678901Z"
    assert "_upload-time-source" not in said
    assert (await listed(node)).first_seen is None
    assert await node.catalog.findings.seen("pypi", NAME) == {}
