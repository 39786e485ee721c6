"""Upstream files: streamed while they come, brought once, verified before they are kept."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from cloche.core.errors import NoSuchFile, StorageFull, UpstreamDown, UpstreamLies
from cloche.core.model import Digest, ProjectName
from cloche.service.files import metadata_of
from cloche.upstreams import simple
from tests.packages import wheel
from tests.service.full_disk import room_for
from tests.service.worker import HELD_BACK, Employ, Options, Worker, come, everything, part, until
from tests.upstream import kinds
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

SIZE = 400_000
DEMO = wheel("demo", "1.0", size=SIZE)
FILE = "/files/demo/demo-1.0-py3-none-any.whl"


@pytest.fixture(autouse=True)
def listed(upstream: Upstream) -> None:
    upstream.add(DEMO)


def leftovers(folder: Path) -> list[Path]:
    return [*(folder / "spool" / "downloads").iterdir()]


async def test_a_client_reads_what_has_come_before_the_rest_has(
    upstream: Upstream, node: Worker
) -> None:
    """A file streams to its client while it is still on its way."""
    with upstream.gate(FILE, after=SIZE // 2):
        body = await node.fetch.open(await node.artifact(DEMO))
        first = await part(body, SIZE // 2 - HELD_BACK)

    assert (body.size, first + await everything(body)) == (SIZE, DEMO.content)


async def test_the_end_is_held_back_until_the_digest_is_known(
    upstream: Upstream, node: Worker
) -> None:
    """A client gets no byte of the last 64 KiB before the last byte has come."""
    with upstream.gate(FILE, after=SIZE - 1):
        body = await node.fetch.open(await node.artifact(DEMO))
        first = await part(body, SIZE - 1 - HELD_BACK)
        more = asyncio.ensure_future(everything(body))
        assert await asyncio.to_thread(upstream.wait_for, 1, FILE)
        await asyncio.wait({more}, timeout=0.1)
        assert not more.done()

    assert len(first) == SIZE - 1 - HELD_BACK
    assert first + await more == DEMO.content


async def test_five_hundred_clients_cause_one_transfer(upstream: Upstream, node: Worker) -> None:
    """However many clients ask at once, the upstream is asked once, and all get the file."""
    artifact = await node.artifact(DEMO)

    async def client() -> bytes:
        return await everything(await node.fetch.open(artifact))

    got = await asyncio.gather(*(client() for _ in range(500)))

    assert set(got) == {DEMO.content}
    assert len(upstream.requests(FILE)) == 1


async def test_what_nobody_waits_for_comes_all_the_same(upstream: Upstream, node: Worker) -> None:
    """A file that is only guessed at is kept when it has come, and asked for once."""
    artifact = await node.artifact(DEMO)

    brought = [more async for more in node.fetch.bring(artifact, hurried=False)]

    assert sum(brought) == SIZE
    assert await everything(await node.fetch.open(artifact)) == DEMO.content
    assert len(upstream.requests(FILE)) == 1


async def test_who_asks_for_what_comes_at_leisure_gets_what_has_come(
    upstream: Upstream, node: Worker
) -> None:
    """From then on it comes as fast as it can, also when nothing more is sent for a while."""
    artifact = await node.artifact(DEMO)

    async def guess() -> None:
        async for _ in node.fetch.bring(artifact, hurried=False):
            pass

    with upstream.gate(FILE, after=SIZE // 2):
        guessing = asyncio.ensure_future(guess())
        assert await asyncio.to_thread(upstream.wait_for, 1, FILE)
        body = await node.fetch.open(artifact)
        first = await part(body, SIZE // 2 - HELD_BACK)

    assert first + await everything(body) == DEMO.content
    await guessing
    assert len(upstream.requests(FILE)) == 1


async def test_a_file_that_is_kept_is_asked_for_no_more(upstream: Upstream, node: Worker) -> None:
    """The second client costs the upstream nothing, and needs no upstream at all."""
    await node.bytes_of(DEMO)
    artifact = await node.artifact(DEMO)
    with upstream.down():
        body = await node.fetch.open(artifact)

        assert (body.size, await everything(body)) == (SIZE, DEMO.content)


async def test_a_file_that_was_served_is_served_after_a_restart_without_the_upstream(
    upstream: Upstream, employ: Employ
) -> None:
    """What was served once is served again, byte for byte, by another process and offline."""
    await (await employ()).bytes_of(DEMO)
    upstream.forget()

    assert await (await employ(Options(offline=True))).bytes_of(DEMO) == DEMO.content
    assert upstream.requests() == []


async def test_metadata_is_served_again_though_a_crash_kept_it_from_being_recorded(
    upstream: Upstream, employ: Employ
) -> None:
    """Bytes of no listed size that are in the store are served if they have the listed digest."""
    first = await employ()
    file = (await first.page()).files[0]
    artifact, _ = metadata_of("pypi", ProjectName("demo"), file)
    assert (artifact.size, artifact.sha256) == (None, DEMO.metadata_sha256)
    await first.blobs.keep({Digest(DEMO.metadata_sha256): DEMO.metadata})
    second = await employ()
    with upstream.down():
        body = await second.fetch.open(artifact)

        assert await everything(body) == DEMO.metadata
        assert body.size == len(DEMO.metadata)


async def test_a_blob_that_was_cut_short_is_not_served(upstream: Upstream, node: Worker) -> None:
    """A blob of no recorded size whose bytes have another digest is brought anew."""
    artifact, _ = metadata_of("pypi", ProjectName("demo"), (await node.page()).files[0])
    await node.blobs.keep({Digest(DEMO.metadata_sha256): DEMO.metadata[:-1]})

    assert await everything(await node.fetch.open(artifact)) == DEMO.metadata
    assert len(upstream.requests(f"{FILE}.metadata")) == 1


async def test_the_client_that_asked_first_may_leave(upstream: Upstream, node: Worker) -> None:
    """A transfer goes on when whoever caused it has gone, and the others get the whole."""
    with upstream.gate(FILE, after=SIZE // 2):
        artifact = await node.artifact(DEMO)
        first = await node.fetch.open(artifact)
        second = await node.fetch.open(artifact)
        await part(first, 1)
        await first.chunks.aclose()

    assert await everything(second) == DEMO.content
    assert len(upstream.requests(FILE)) == 1


async def test_a_file_is_kept_though_no_client_has_stayed(upstream: Upstream, node: Worker) -> None:
    """A transfer that everybody has left ends all the same, and its file is kept."""
    with upstream.gate(FILE, after=SIZE // 2):
        artifact = await node.artifact(DEMO)
        asking = asyncio.ensure_future(node.fetch.open(artifact))
        await asyncio.to_thread(upstream.wait_for, 1, FILE)
        asking.cancel()

    await until(lambda: node.fetch.kept(artifact))
    assert await node.bytes_of(DEMO) == DEMO.content
    assert len(upstream.requests(FILE)) == 1


@pytest.mark.parametrize(
    ("start", "stop"),
    [(0, 10), (100_000, 100_001), (SIZE - 10, SIZE), (0, SIZE - 1), (SIZE // 2, None)],
)
async def test_a_range_is_exact_while_the_file_comes_and_when_it_is_kept(
    node: Worker, start: int, stop: int | None
) -> None:
    """A client that asks for a range gets that range, cold or warm."""
    artifact = await node.artifact(DEMO)
    cold = await everything(await node.fetch.open(artifact, start, stop))
    warm = await everything(await node.fetch.open(artifact, start, stop))

    assert cold == warm == DEMO.content[start:stop]


async def test_the_size_is_known_without_a_transfer_when_it_is_listed(
    upstream: Upstream, node: Worker
) -> None:
    """HEAD of a file whose page says its size asks the upstream nothing more."""
    assert await node.fetch.size(await node.artifact(DEMO)) == SIZE
    assert upstream.requests(FILE) == []


async def test_the_size_that_no_page_says_is_learned_from_the_upstream(
    upstream: Upstream, node: Worker
) -> None:
    """HEAD of a file whose page says no size asks the upstream for it."""
    upstream.add(DEMO, without=("size",))

    assert await node.fetch.size(await node.artifact(DEMO)) == SIZE


async def test_offline_what_is_not_kept_is_not_asked_for(
    upstream: Upstream, employ: Employ
) -> None:
    """An offline server says that it cannot look, and sends nothing."""
    artifact = await (await employ()).artifact(DEMO)
    with pytest.raises(UpstreamDown, match="offline"):
        await (await employ(Options(offline=True))).fetch.open(artifact)
    assert upstream.requests(FILE) == []


async def test_a_file_that_vanished_upstream_is_no_such_file(
    upstream: Upstream, node: Worker
) -> None:
    """A file that the page lists and the upstream has no more is missing, not an outage."""
    artifact = await node.artifact(DEMO)
    upstream.remove(DEMO)

    with pytest.raises(NoSuchFile):
        await node.fetch.open(artifact)


async def test_an_upstream_that_is_down_is_an_outage(upstream: Upstream, node: Worker) -> None:
    """A file that cannot be brought is never said to be missing, and works when it can be."""
    artifact = await node.artifact(DEMO)
    with upstream.down(), pytest.raises(UpstreamDown):
        await node.fetch.open(artifact)

    assert await everything(await node.fetch.open(artifact)) == DEMO.content


async def test_an_upstream_does_not_wait_for_another_that_lists_the_same_file(
    upstream: Upstream, employ: Employ
) -> None:
    """A stalled upstream that lists another's file does not stall the other's clients."""
    urls = {"pypi": upstream.simple, "slow": f"{upstream.other}/simple/"}
    remote = {name: simple.connect(name, simple.Settings(url=url)) for name, url in urls.items()}
    node = await employ(Options(remote=remote))
    artifact = await node.artifact(DEMO)
    theirs = replace(
        artifact, upstream="slow", url=artifact.url.replace(upstream.url, upstream.other)
    )
    with upstream.gate(FILE, after=SIZE // 2, times=1):
        stalled = await node.fetch.open(theirs)
        async with asyncio.timeout(60):
            assert await node.bytes_of(DEMO) == DEMO.content
    assert await everything(stalled) == DEMO.content


async def test_a_full_disk_is_said_and_leaves_nothing(
    tmp_path: Path, upstream: Upstream, node: Worker
) -> None:
    """A file that does not fit ends with StorageFull, frees what it took, and works with room."""
    big = wheel("demo", "2.0", size=3_000_000)
    upstream.add(big)
    artifact = await node.artifact(big)
    with room_for(1 << 20):
        with pytest.raises(StorageFull):
            await everything(await node.fetch.open(artifact))
        await until_idle(node)
        assert leftovers(tmp_path) == []

    assert await node.bytes_of(big) == big.content


async def until_idle(node: Worker) -> None:
    """Wait for the transfers that are under way to have ended."""
    await node.fetch.close(patience=20)


@pytest.mark.parametrize("bad", [kinds.WrongBytes(), kinds.WrongBytes(at=0)])
async def test_wrong_bytes_are_never_kept_and_no_client_has_them_all(
    tmp_path: Path, upstream: Upstream, node: Worker, bad: kinds.WrongBytes
) -> None:
    """Of bytes that are not the listed ones no client gets the end, and the server nothing."""
    artifact = await node.artifact(DEMO)
    upstream.misbehave(FILE, bad)
    got, error = await come(await node.fetch.open(artifact))

    assert isinstance(error, UpstreamLies)
    assert "sha256 differs" in error.detail
    assert len(got) <= SIZE - HELD_BACK
    assert await node.fetch.kept(artifact) is None
    await until_idle(node)
    assert leftovers(tmp_path) == []
    upstream.behave()
    assert await node.bytes_of(DEMO) == DEMO.content


@pytest.mark.parametrize("by", [-1000, 1000])
async def test_a_file_of_another_length_than_listed_is_refused(
    upstream: Upstream, node: Worker, by: int
) -> None:
    """An upstream that sends more or less than it lists is caught before the first byte."""
    upstream.misbehave(FILE, kinds.WrongLength(by=by))

    with pytest.raises(UpstreamLies):
        await node.fetch.open(await node.artifact(DEMO))


@pytest.mark.parametrize("by", [-1000, 1000])
async def test_a_file_of_an_unlisted_length_is_known_by_its_digest(
    upstream: Upstream, node: Worker, by: int
) -> None:
    """Without a listed size the digest tells a file that was cut or grew."""
    upstream.add(DEMO, without=("size",))
    upstream.misbehave(FILE, kinds.WrongLength(by=by))
    artifact = await node.artifact(DEMO)
    body = await node.fetch.open(artifact)

    with pytest.raises(UpstreamLies, match="sha256 differs"):
        await everything(body)
    assert await node.fetch.kept(artifact) is None


async def test_a_file_that_is_brought_is_kept_when_that_ends(
    upstream: Upstream, node: Worker
) -> None:
    """Bringing tells of every byte, ends when the file is kept, and does nothing a second time."""
    artifact = await node.artifact(DEMO)
    came = [more async for more in node.fetch.bring(artifact)]

    assert sum(came) == SIZE
    assert await node.fetch.kept(artifact) == (DEMO.sha256, SIZE)
    assert [more async for more in node.fetch.bring(artifact)] == []
    assert len(upstream.requests(FILE)) == 1


async def test_bringing_tells_why_a_file_is_not_kept(upstream: Upstream, node: Worker) -> None:
    """What keeps a file from being kept is raised, though a client would have all its bytes."""
    small = wheel("demo", "3.0", size=20_000)
    upstream.add(small)
    artifact = await node.artifact(small)
    with room_for(1 << 12), pytest.raises(StorageFull):
        async for _ in node.fetch.bring(artifact):
            pass
    await until_idle(node)

    assert await node.fetch.kept(artifact) is None


async def test_an_empty_file_is_a_file(upstream: Upstream, node: Worker) -> None:
    """A file of no bytes is served and kept like any other."""
    upstream.misbehave(FILE, kinds.Verbatim(content=b""))
    artifact = replace(await node.artifact(DEMO), hashes={}, size=0)

    assert await everything(await node.fetch.open(artifact)) == b""
    assert (await node.fetch.open(artifact)).size == 0


@pytest.mark.parametrize(("start", "stop"), [(0, 10), (SIZE - 10, SIZE - 5), (0, None)])
async def test_a_client_may_begin_to_read_when_all_is_over(
    node: Worker, start: int, stop: int | None
) -> None:
    """What was opened during a transfer can be read after it, and is no longer than asked for."""
    body = await node.fetch.open(await node.artifact(DEMO), start, stop)
    await until_idle(node)

    assert await everything(body) == DEMO.content[start:stop]
