"""Metadata that no upstream has beside its wheel is read out of it, for as little as it takes."""

import asyncio
import io
import zipfile

import pytest
from msgspec.structs import replace

from cloche.core.errors import DigestMismatch, UpstreamDown, UpstreamLies
from cloche.core.model import METADATA, ProjectName
from cloche.service.files import Wanted
from tests.packages import Built, wheel
from tests.service.worker import BRIEF, Employ, Options, Worker, everything
from tests.upstream import kinds
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

DEMO = wheel("demo", "1.0", size=400_000)
SMALL = wheel("demo", "1.0")
PAGE = "/simple/demo/"
FILES = "/files/demo/"


async def wanted(node: Worker, built: Built) -> Wanted:
    project = ProjectName(built.project)
    file = (await node.shelf.get("main", project)).page.find(built.filename)
    assert file is not None
    assert file.core_metadata
    return await node.files.find("main", project, file.key, built.filename + METADATA)


async def metadata(node: Worker, built: Built = DEMO) -> bytes:
    return await everything(await node.files.open(await wanted(node, built), 0, None))


def asked(upstream: Upstream) -> list[tuple[str, int | None, str]]:
    """What was asked of the upstream's files: which, what it answered, and which part."""
    return [
        (one.path.removeprefix(FILES), one.status, one.headers.get("range", ""))
        for one in upstream.requests(FILES)
    ]


async def test_the_end_of_the_wheel_will_do(upstream: Upstream, node: Worker) -> None:
    """One request for the last 64 KiB brings it, and it is asked for once."""
    upstream.add(DEMO, metadata=False)

    for _ in range(2):
        assert await metadata(node) == DEMO.metadata
    assert asked(upstream) == [(DEMO.filename, 206, f"bytes={DEMO.size - 65536}-")]


async def test_its_size_is_told(upstream: Upstream, node: Worker) -> None:
    """HEAD of metadata that has to be read out first tells its size."""
    upstream.add(DEMO, metadata=False)

    assert await node.files.size(await wanted(node, DEMO)) == len(DEMO.metadata)


async def test_an_upstream_that_does_not_say_how_long_files_are(
    upstream: Upstream, node: Worker
) -> None:
    """The size is taken from a first answer, which is left as soon as it is known."""
    upstream.add(DEMO, metadata=False, without=("size",))

    assert await metadata(node) == DEMO.metadata
    assert [part for _, _, part in asked(upstream)] == ["", f"bytes={DEMO.size - 65536}-"]


async def test_a_small_wheel_is_fetched_whole(upstream: Upstream, node: Worker) -> None:
    """What is no longer than a part is kept at once, as the client will want it next."""
    upstream.add(SMALL, metadata=False)

    assert await metadata(node, SMALL) == SMALL.metadata
    assert await node.bytes_of(SMALL) == SMALL.content
    assert len(asked(upstream)) == 1


async def test_a_small_wheel_of_unknown_size(upstream: Upstream, node: Worker) -> None:
    """The look at its size has brought all of it."""
    upstream.add(SMALL, metadata=False, without=("size",))

    assert await metadata(node, SMALL) == SMALL.metadata
    assert len(asked(upstream)) == 1


async def test_a_wheel_that_is_kept_is_read_here(upstream: Upstream, node: Worker) -> None:
    """Nobody is asked for what lies in the store already."""
    upstream.add(DEMO, metadata=False)
    await node.bytes_of(DEMO)
    await node.fetch.close(10)
    upstream.forget()

    assert await metadata(node) == DEMO.metadata
    assert asked(upstream) == []


async def test_an_upstream_without_ranges(upstream: Upstream, node: Worker) -> None:
    """Where no part can be had the whole wheel is fetched, once, and kept."""
    upstream.add(DEMO, metadata=False)
    upstream.misbehave(f"{FILES}{DEMO.filename}", kinds.RangeIgnored())

    assert await metadata(node) == DEMO.metadata
    assert await node.bytes_of(DEMO) == DEMO.content
    assert len(asked(upstream)) == 2


@pytest.mark.parametrize("status", [400, 403, 416, 501])
async def test_an_upstream_that_refuses_ranges(
    upstream: Upstream, node: Worker, status: int
) -> None:
    """A server that fails at Range is asked for the whole."""
    upstream.add(DEMO, metadata=False)
    upstream.misbehave(f"{FILES}{DEMO.filename}", kinds.Status(status=status, times=1))

    assert await metadata(node) == DEMO.metadata


async def test_metadata_that_is_promised_and_missing(upstream: Upstream, node: Worker) -> None:
    """An upstream that answers 404 for metadata that it advertises is healed, once for all."""
    upstream.add(DEMO, metadata=False, core_metadata={"sha256": DEMO.metadata_sha256})

    for _ in range(2):
        assert await metadata(node) == DEMO.metadata
    assert [(name, status) for name, status, _ in asked(upstream)] == [
        (f"{DEMO.filename}.metadata", 404),
        (DEMO.filename, 206),
    ]


async def test_metadata_other_than_promised(upstream: Upstream, node: Worker) -> None:
    """What lies in the wheel and is not what the page promises is not served for it."""
    upstream.add(DEMO, metadata=False, core_metadata={"sha256": "ab" * 32})
    with pytest.raises(DigestMismatch, match="promises another"):
        await metadata(node)


async def test_it_is_served_ever_after(upstream: Upstream, employ: Employ) -> None:
    """What was read once needs neither upstream nor wheel, in another worker and offline."""
    upstream.add(DEMO, metadata=False)
    assert await metadata(await employ()) == DEMO.metadata
    with upstream.down():
        offline = await employ(Options(offline=True))
        assert await metadata(offline) == DEMO.metadata


async def test_the_page_states_its_digest_then(upstream: Upstream, node: Worker) -> None:
    """From the first reading on the page has the metadata's sha256, and asks nobody for it."""
    upstream.add(DEMO, metadata=False)
    await metadata(node)
    file = (await node.shelf.get("main", ProjectName("demo"))).page.files[0]

    assert file.core_metadata == {"sha256": DEMO.metadata_sha256}
    assert (await wanted(node, DEMO)).etag == f'"{DEMO.metadata_sha256}"'
    assert len(upstream.requests(PAGE)) == 1


async def test_many_readers_cost_one_reading(upstream: Upstream, employ: Employ) -> None:
    """However many ask, in however many workers, a wheel is read once."""
    upstream.add(DEMO, metadata=False)
    nodes = [await employ(), await employ()]
    with upstream.gate(f"{FILES}{DEMO.filename}"):
        readings = [asyncio.create_task(metadata(node)) for node in nodes * 3]
        await asyncio.to_thread(upstream.wait_for, 1, FILES)
    got = await asyncio.gather(*readings)

    assert set(got) == {DEMO.metadata}
    assert len(asked(upstream)) == 1


async def test_who_leaves_does_not_stop_it(upstream: Upstream, node: Worker) -> None:
    """A client that goes away leaves the others their reading."""
    upstream.add(DEMO, metadata=False)
    with upstream.gate(f"{FILES}{DEMO.filename}"):
        first = asyncio.create_task(metadata(node))
        await asyncio.to_thread(upstream.wait_for, 1, FILES)
        second = asyncio.create_task(metadata(node))
        first.cancel()
        await asyncio.wait([first])

    assert await second == DEMO.metadata


def at_the_front(filler: int) -> Built:
    """A wheel whose metadata comes first, in front of much else."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("demo-1.0.dist-info/METADATA", DEMO.metadata)
        archive.writestr("demo/data", b"\0" * filler)
        archive.writestr("demo-1.0.dist-info/WHEEL", b"")
    return Built(DEMO.filename, file.getvalue(), DEMO.metadata, "demo", "1.0")


async def test_metadata_at_the_wheel_s_front(upstream: Upstream, node: Worker) -> None:
    """Where the metadata does not lie at the end, one more request brings it."""
    built = at_the_front(3_000_000)
    upstream.add(built, metadata=False)

    assert await metadata(node, built) == built.metadata
    assert [status for _, status, _ in asked(upstream)] == [206, 200]


async def test_a_list_of_many_members(upstream: Upstream, node: Worker) -> None:
    """A wheel whose list is longer than the end that was asked for costs one part more."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(2000):
            archive.writestr(f"demo/{number:040}", b"")
        archive.writestr("demo-1.0.dist-info/METADATA", DEMO.metadata)
    built = Built(DEMO.filename, file.getvalue(), DEMO.metadata, "demo", "1.0")
    upstream.add(built, metadata=False)

    assert await metadata(node, built) == built.metadata
    assert [status for _, status, _ in asked(upstream)] == [206, 206]


@pytest.mark.parametrize("size", [100, 200_000])
async def test_a_broken_wheel(upstream: Upstream, node: Worker, size: int) -> None:
    """A wheel that cannot be read is the upstream's fault, said with the cause; it is no 404."""
    built = replace_content(DEMO, b"x" * size)
    upstream.add(built, metadata=False)
    with pytest.raises(UpstreamLies, match=r"cannot be read out of it.*; choose another version"):
        await metadata(node, built)


def replace_content(built: Built, content: bytes) -> Built:
    return Built(built.filename, content, built.metadata, built.name, built.version)


async def test_parts_that_are_wrong(upstream: Upstream, node: Worker) -> None:
    """When the parts make no wheel the whole is fetched, of which a digest is known."""
    upstream.add(DEMO, metadata=False)
    upstream.misbehave(f"{FILES}{DEMO.filename}", kinds.WrongBytes(times=1))

    assert await metadata(node) == DEMO.metadata


async def test_a_wheel_that_is_gone(upstream: Upstream, node: Worker) -> None:
    """A wheel that is listed and not there cannot be read; a promise is never answered by 404."""
    upstream.add(DEMO, metadata=False)
    upstream.misbehave(f"{FILES}*", kinds.Status(status=404))
    with pytest.raises(UpstreamLies, match="has it no longer"):
        await metadata(node)


async def test_an_outage(upstream: Upstream, employ: Employ) -> None:
    """An upstream that cannot be reached is an outage, and is asked again by whoever asks next."""
    upstream.add(DEMO, metadata=False)
    node = await employ(Options(settings=BRIEF))
    ready = await wanted(node, DEMO)
    with upstream.down(), pytest.raises(UpstreamDown):
        await node.files.open(ready, 0, None)

    assert await metadata(node) == DEMO.metadata


async def test_a_name_that_no_wheel_has(upstream: Upstream, node: Worker) -> None:
    """A file that only looks like a wheel by its name is said to be none."""
    built = replace_content(DEMO, b"x" * 100)
    odd = Built("demo-x-y-z-w.whl", built.content, built.metadata, "demo", "1.0")
    upstream.add(odd, metadata=False)
    with pytest.raises(UpstreamLies, match="cannot be read out of it"):
        await metadata(node, odd)


async def test_reading_ends_with_the_server(upstream: Upstream, node: Worker) -> None:
    """Whoever waits when the server stops is told so, and nothing is left running."""
    upstream.add(DEMO, metadata=False)
    ready = await wanted(node, DEMO)
    with upstream.gate(f"{FILES}{DEMO.filename}"):
        waiting = asyncio.create_task(node.files.open(ready, 0, None))
        await asyncio.to_thread(upstream.wait_for, 1, FILES)
        await node.files.within.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_the_url_does_not_lead_elsewhere(upstream: Upstream, node: Worker) -> None:
    """An upstream that has no metadata is not asked for it."""
    upstream.add(DEMO, metadata=False)
    ready = await wanted(node, DEMO)
    assert ready.artifact is not None
    assert ready.artifact == replace(ready.artifact, url="")
