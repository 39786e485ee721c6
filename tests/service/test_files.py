"""A file by its URL: found as its page shows it, and still found when only the bytes are left."""

import asyncio

import pytest
from msgspec.structs import replace

from cloche.core.errors import NoSuchFile, ProjectDeleted, UpstreamDown, UpstreamLies
from cloche.core.index import Index
from cloche.core.model import FileKey, ProjectName
from cloche.service.files import Wanted
from cloche.upstreams import simple
from tests.catalog.samples import remove, upload
from tests.packages import Built, sdist, wheel
from tests.service.worker import (
    DEADLINE,
    PATIENT,
    Clock,
    Employ,
    Options,
    Worker,
    digest_of,
    everything,
)
from tests.upstream import kinds
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

DEMO = wheel("demo", "1.0", size=200_000)
NEWER = wheel("demo", "2.0", size=200_000)
NAME = ProjectName("demo")


@pytest.fixture(autouse=True)
def listed(upstream: Upstream) -> None:
    upstream.add(DEMO)


async def find(
    node: Worker, built: Built = DEMO, *, beside: str = "", index: str = "main"
) -> Wanted:
    key = FileKey(built.sha256)
    return await node.files.find(index, ProjectName(built.project), key, built.filename + beside)


async def read(
    node: Worker, built: Built = DEMO, *, beside: str = "", index: str = "main"
) -> bytes:
    return await everything(
        await node.files.open(await find(node, built, beside=beside, index=index), 0, None)
    )


async def forget_pages(node: Worker) -> None:
    """Let every page be stale, in the catalog and on the shelf."""
    clock = node.view.clock
    assert isinstance(clock, Clock)
    clock.move(10_000)


async def test_a_listed_file_and_its_metadata(upstream: Upstream, node: Worker) -> None:
    """Each is served with the ETag of its own bytes, and asked for once."""
    for _ in range(2):
        assert await read(node) == DEMO.content
        assert await read(node, beside=".metadata") == DEMO.metadata
    assert (await find(node)).etag == f'"{DEMO.sha256}"'
    assert (await find(node, beside=".metadata")).etag == f'"{DEMO.metadata_sha256}"'
    assert len(upstream.requests()) == 3


async def test_metadata_lies_in_front_of_the_query(upstream: Upstream, node: Worker) -> None:
    """A file's address with a query has its metadata beside the file (PEP 658)."""
    upstream.add(DEMO, url=f"../../files/demo/{DEMO.filename}?signed=yes")

    assert await read(node, beside=".metadata") == DEMO.metadata
    (asked,) = upstream.requests("/files/")
    assert (asked.path, asked.query) == (f"/files/demo/{DEMO.filename}.metadata", "signed=yes")


async def test_a_signature_is_passed_through(upstream: Upstream, node: Worker) -> None:
    """Where the page says that a signature lies beside the file, it does here too (PEP 503)."""
    upstream.add(DEMO, signature=b"signed", gpg_sig=True)

    for _ in range(2):
        assert await read(node, beside=".asc") == b"signed"
    assert len(upstream.requests("/files/")) == 1


@pytest.mark.parametrize("beside", [".asc", ".metadata.asc", ".asc.metadata"])
async def test_a_signature_that_no_page_promises(
    upstream: Upstream, node: Worker, beside: str
) -> None:
    """Nobody is asked for a signature that is not said to be there."""
    upstream.add(DEMO, signature=b"signed")
    with pytest.raises(NoSuchFile):
        await find(node, beside=beside)
    assert upstream.requests("/files/") == []


async def test_an_sdist_without_metadata(upstream: Upstream, node: Worker) -> None:
    """Where the page offers no metadata of an sdist there is none, and nobody is asked for it."""
    built = sdist("demo", "1.0")
    upstream.add(built, metadata=False)
    with pytest.raises(NoSuchFile):
        await find(node, built, beside=".metadata")
    assert upstream.requests("/files/") == []


async def test_metadata_of_which_the_page_says_no_digest(upstream: Upstream, node: Worker) -> None:
    """`core-metadata: true` is enough to fetch it, but not to call it immutable before."""
    upstream.add(DEMO, core_metadata=True)

    assert (await find(node, beside=".metadata")).etag == ""
    assert await read(node, beside=".metadata") == DEMO.metadata
    await node.fetch.close(10)
    assert (await find(node, beside=".metadata")).etag == f'"{DEMO.metadata_sha256}"'


async def test_metadata_that_is_not_what_the_page_promises(
    upstream: Upstream, node: Worker
) -> None:
    """Wrong metadata is refused like a wrong file."""
    upstream.misbehave(f"/files/demo/{DEMO.filename}.metadata", kinds.WrongBytes())
    with pytest.raises(UpstreamLies):
        await read(node, beside=".metadata")


@pytest.mark.parametrize("beside", ["", ".metadata"])
async def test_what_no_page_offers_cannot_be_fetched(
    upstream: Upstream, node: Worker, beside: str
) -> None:
    """A file that the upstream has but does not list is not there, and is not asked for."""
    with pytest.raises(NoSuchFile):
        await find(node, NEWER, beside=beside)
    with pytest.raises(NoSuchFile):
        await find(node, wheel("unknown", "1.0"), beside=beside)
    assert upstream.requests("/files/") == []


@pytest.mark.parametrize("beside", ["", ".metadata"])
async def test_a_file_that_was_deleted_upstream_is_served_still(
    upstream: Upstream, employ: Employ, beside: str
) -> None:
    """A lock file's URL works on after the upstream has deleted the file, or the project."""
    clock = Clock()
    node = await employ(Options(clock=clock))
    content = await read(node, beside=beside)
    etag = (await find(node, beside=beside)).etag
    upstream.add(NEWER)
    upstream.remove(DEMO)
    await forget_pages(node)
    assert await read(node, NEWER) == NEWER.content
    assert await read(node, beside=beside) == content
    upstream.remove_project("demo")
    await forget_pages(node)
    with pytest.raises(NoSuchFile):
        await find(node, wheel("demo", "3.0"))

    assert await read(node, beside=beside) == content
    assert (await find(node, beside=beside)).etag == etag
    assert await read(await employ(Options(clock=clock)), beside=beside) == content


async def test_a_deleted_file_whose_bytes_are_lost_is_missing(
    upstream: Upstream, employ: Employ
) -> None:
    """What is listed no longer cannot be brought again."""
    node = await employ()
    await read(node)
    await node.fetch.close(10)  # a file is kept behind its clients' backs
    upstream.remove(DEMO)
    upstream.add(NEWER)
    await forget_pages(node)
    await node.blobs.delete(digest_of(DEMO.content))
    with pytest.raises(NoSuchFile):
        await read(node)


async def test_a_private_upload_ends_a_stranger_s_files(employ: Employ) -> None:
    """When an upload owns the name, no file of an upstream is served under it any more."""
    node = await employ()
    await read(node)
    await node.catalog.ledger.publish(upload())
    await node.catalog.pulse.settle()
    for beside in ("", ".metadata"):
        with pytest.raises(NoSuchFile):
            await find(node, beside=beside)


async def test_a_source_that_takes_a_name_over_ends_a_later_one_s_files(
    upstream: Upstream, employ: Employ
) -> None:
    """What another index fetched of a later source is not served in an earlier one's place."""
    urls = {"a": upstream.simple, "b": f"{upstream.other}/simple/"}
    remote = {name: simple.connect(name, simple.Settings(url=url)) for name, url in urls.items()}
    indexes = {
        "main": Index(name="main", sources=("a", "b")),
        "side": Index(name="side", sources=("b",)),
    }
    upstream.add(NEWER)
    node = await employ(Options(remote=remote, indexes=indexes))
    assert await read(node, index="side") == DEMO.content
    upstream.remove(DEMO)
    await node.shelf.get("main", NAME)

    with pytest.raises(NoSuchFile):
        await find(node)
    assert await read(node, index="side") == DEMO.content


async def test_a_deleted_upload_is_served_no_more(node: Worker) -> None:
    """A file that was deleted here has no URL left, though its page was shown a moment ago."""
    mine = upload()
    await node.catalog.ledger.publish(mine)
    await node.shelf.get("main", NAME)
    key = FileKey(mine.digest)
    assert (await node.files.find("main", NAME, key, mine.filename)).digest == mine.digest
    await remove(node.catalog, mine.filename, who="alice")
    await node.catalog.pulse.settle()

    with pytest.raises(ProjectDeleted):
        await node.files.find("main", NAME, key, mine.filename)


async def test_an_upload_whose_bytes_are_lost(node: Worker) -> None:
    """A file that is recorded without its bytes is said to be missing."""
    mine = upload()
    await node.catalog.ledger.publish(mine)
    wanted = await node.files.find("main", NAME, FileKey(mine.digest), mine.filename)

    assert await node.files.size(wanted) is None
    with pytest.raises(NoSuchFile):
        await node.files.open(wanted, 0, None)


@pytest.mark.parametrize("held", ["", ".metadata"])
@pytest.mark.parametrize("asked", ["", ".metadata"])
async def test_an_outage_is_never_a_missing_file(
    upstream: Upstream, employ: Employ, held: str, asked: str
) -> None:
    """With no page kept and the upstream down, what is kept is served; the rest is an outage."""
    first = await employ()
    content = await read(first, beside=held)
    await first.fetch.close(10)  # a file is kept behind its clients' backs
    with upstream.down():
        second = await employ(Options(clock=Clock(), settings={"attempts": 1}))
        second.shelf._entries.clear()  # noqa: SLF001 - as after a restart
        await drop_pages(second)
        if held == asked:
            assert await read(second, beside=asked) == content
        else:
            with pytest.raises(UpstreamDown):
                await find(second, beside=asked)


async def drop_pages(node: Worker) -> None:
    """Evict every page from the catalog: it is only a cache."""
    with node.catalog.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM pages")
        connection.exec_driver_sql("DELETE FROM documents")


async def test_a_slow_upstream_does_not_hold_up_a_file_whose_page_was_shown(
    upstream: Upstream, employ: Employ
) -> None:
    """A file is opened by the page that was shown last: nobody waits for that page's news."""
    node = await employ(Options(freshness=PATIENT))
    await read(node)
    await read(node)
    await forget_pages(node)
    with upstream.gate("/simple/demo/"):  # whoever waited for it would wait until the end
        assert await asyncio.wait_for(read(node), DEADLINE / 2) == DEMO.content


async def test_sizes(node: Worker) -> None:
    """The size is that of what the URL names, listed or learned."""
    assert await node.files.size(await find(node)) == DEMO.size
    assert await node.files.size(await find(node, beside=".metadata")) == len(DEMO.metadata)


async def test_a_file_of_an_upstream_that_is_configured_no_longer(node: Worker) -> None:
    """A file that is kept of an upstream that is gone is missing, not a crash."""
    wanted = await find(node)
    assert wanted.artifact is not None
    with pytest.raises(NoSuchFile):
        await node.fetch.open(replace(wanted.artifact, upstream="gone", key=FileKey("0" * 64)))
