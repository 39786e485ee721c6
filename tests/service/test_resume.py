"""Transfers that break off: resumed where a digest tells the truth, given up where none does."""

import asyncio
from collections.abc import Iterator

import pytest

from cloche.core.errors import Error, TransferBroken, UpstreamDown, UpstreamLies
from cloche.service.download import ATTEMPTS
from tests.packages import wheel
from tests.service.worker import BRIEF, HELD_BACK, Employ, Options, Worker, come, everything, part
from tests.upstream import kinds
from tests.upstream.controller import Upstream
from tests.upstream.misbehaviour import Misbehaviour

pytestmark = pytest.mark.anyio

SIZE = 400_000
DEMO = wheel("demo", "1.0", size=SIZE)
OTHER = wheel("demo", "1.0", size=SIZE, body=b"# another build")
FILE = "/files/demo/demo-1.0-py3-none-any.whl"
TINY = wheel("tiny", "1.0", size=40_000)
TINY_FILE = "/files/tiny/tiny-1.0-py3-none-any.whl"


@pytest.fixture(autouse=True)
def listed(upstream: Upstream) -> None:
    upstream.add(DEMO)


def ranges(upstream: Upstream, path: str = FILE) -> list[str | None]:
    return [one.headers.get("range") for one in upstream.requests(path)]


async def came(node: Worker) -> tuple[bytes, Error | None]:
    """What a client got of the file, and what ended it."""
    try:
        body = await node.fetch.open(await node.artifact(DEMO))
    except Error as e:
        return b"", e
    return await come(body)


async def test_a_transfer_that_breaks_off_is_resumed_where_it_ended(
    upstream: Upstream, node: Worker
) -> None:
    """After each break only what is missing is asked for, if it still is the same file."""
    upstream.misbehave(FILE, kinds.Cut(after=90_000, times=3))

    assert await node.bytes_of(DEMO) == DEMO.content
    assert ranges(upstream) == [None, "bytes=90000-", "bytes=180000-", "bytes=270000-"]
    first, *others = upstream.requests(FILE)
    assert "if-range" not in first.headers
    assert len({one.headers["if-range"] for one in others}) == 1


@pytest.mark.parametrize(
    "bad",
    [kinds.RangeIgnored(), kinds.EtagChanges(), kinds.NoEtag(), kinds.WeakEtag(), kinds.Chunked()],
    ids=lambda bad: type(bad).__name__,
)
async def test_a_transfer_is_resumed_from_an_upstream_that_is_bad_at_it(
    upstream: Upstream, node: Worker, bad: Misbehaviour
) -> None:
    """The right bytes come whether or not the upstream knows ranges and validators."""
    upstream.misbehave(FILE, bad, kinds.Cut(after=90_000, times=1))

    assert await node.bytes_of(DEMO) == DEMO.content
    assert len(upstream.requests(FILE)) == 2


async def test_a_validator_that_is_weak_is_not_resumed_with(
    upstream: Upstream, node: Worker
) -> None:
    """If-Range takes strong validators only (RFC 9110, 13.1.5)."""
    upstream.misbehave(FILE, kinds.WeakEtag(), kinds.Cut(after=90_000, times=1))
    await node.bytes_of(DEMO)

    assert "if-range" not in upstream.requests(FILE)[1].headers


async def test_a_stall_is_a_break(upstream: Upstream, employ: Employ) -> None:
    """An upstream that stops sending is left after a while, and asked for the rest."""
    node = await employ(Options(settings=BRIEF))
    upstream.misbehave(FILE, kinds.Stalled(after=90_000, times=1))

    assert await node.bytes_of(DEMO) == DEMO.content
    assert ranges(upstream) == [None, "bytes=90000-"]


async def test_two_versions_are_never_glued_together(upstream: Upstream, node: Worker) -> None:
    """A file that changes between break and resumption reaches nobody whole, and is not kept."""
    artifact = await node.artifact(DEMO)
    with upstream.gate(FILE, after=90_000, times=1):
        upstream.misbehave(FILE, kinds.Cut(after=200_000, times=1))
        body = await node.fetch.open(artifact)
        first = await part(body, 90_000 - HELD_BACK)
        upstream.add(OTHER, hashes={"sha256": DEMO.sha256})
    with pytest.raises(UpstreamLies):
        first += await everything(body)

    assert len(first) <= SIZE - HELD_BACK
    assert await node.fetch.kept(artifact) is None


async def test_progress_earns_patience(upstream: Upstream, node: Worker) -> None:
    """A big file comes through a line that breaks more often than a hopeless one may."""
    big = wheel("big", "1.0", size=10_000_000)
    upstream.misbehave(upstream.add(big), kinds.Cut(after=1_200_000, times=ATTEMPTS + 2))

    assert await node.bytes_of(big) == big.content


async def test_no_progress_ends(upstream: Upstream, node: Worker) -> None:
    """An upstream that always breaks off at once is asked a few times and no more."""
    upstream.misbehave(FILE, kinds.Cut(after=10))
    got, error = await came(node)

    assert (got, type(error)) == (b"", TransferBroken)
    assert len(upstream.requests(FILE)) == ATTEMPTS


async def test_what_had_come_is_resumed_by_the_next_process(
    upstream: Upstream, employ: Employ
) -> None:
    """A server that ends in the middle of a transfer leaves it to be resumed, bytes and all."""
    first = await employ()
    artifact = await first.artifact(DEMO)
    with upstream.gate(FILE, after=200_000, times=1):
        body = await first.fetch.open(artifact)
        await part(body, 200_000 - HELD_BACK)
        await first.fetch.close(patience=0)
    with pytest.raises(UpstreamDown):
        await everything(body)

    second = await employ()
    assert await second.bytes_of(DEMO) == DEMO.content
    assert ranges(upstream) == [None, "bytes=200000-"]
    await second.fetch.close(patience=10)
    kept = await second.fetch.kept(artifact)
    assert kept is not None
    stored = b"".join([chunk async for chunk in second.blobs.read(kept[0], 0, SIZE)])
    assert stored == DEMO.content


async def test_all_but_the_digest_was_done(upstream: Upstream, employ: Employ) -> None:
    """A transfer that ended with its last byte there is not asked for bytes beyond the end."""
    upstream.add(DEMO, without=("size",))
    upstream.misbehave(FILE, kinds.Chunked())
    first = await employ()
    artifact = await first.artifact(DEMO)
    with upstream.gate(FILE, after=SIZE, times=1):
        body = await first.fetch.open(artifact)
        await part(body, SIZE - HELD_BACK)
        await first.fetch.close(patience=0)

    assert await (await employ()).bytes_of(DEMO) == DEMO.content


async def test_what_was_left_of_another_file_is_not_fatal(
    upstream: Upstream, employ: Employ
) -> None:
    """Leftovers that do not fit what the upstream has now cost one try, not all to come."""
    upstream.add(DEMO, without=("size",))
    first = await employ()
    artifact = await first.artifact(DEMO)
    upstream.misbehave(FILE, kinds.WrongLength(by=100_000))
    with upstream.gate(FILE, after=SIZE + 50_000, times=1):
        body = await first.fetch.open(artifact)
        await part(body, SIZE + 50_000 - HELD_BACK)
        await first.fetch.close(patience=0)
    upstream.behave(FILE)
    second = await employ()
    with pytest.raises(UpstreamLies):
        await second.bytes_of(DEMO)

    assert await second.bytes_of(DEMO) == DEMO.content


@pytest.fixture(params=[("hashes",), ("hashes", "size")], ids=["sized", "unsized"])
def unproven(request: pytest.FixtureRequest, upstream: Upstream) -> Iterator[None]:
    """Lists the files without any digest."""
    upstream.add(DEMO, without=request.param, metadata=False)
    upstream.add(TINY, without=request.param, metadata=False)
    return iter(())


@pytest.mark.usefixtures("unproven")
async def test_a_file_without_a_digest_is_served_and_kept(upstream: Upstream, node: Worker) -> None:
    """An upstream that lists no hashes is a cache's customer too."""
    assert await node.bytes_of(DEMO) == DEMO.content
    artifact = await node.artifact(DEMO)
    with upstream.down():
        assert await everything(await node.fetch.open(artifact)) == DEMO.content


@pytest.mark.usefixtures("unproven")
async def test_a_file_without_a_digest_is_kept_before_its_client_has_it(node: Worker) -> None:
    """What no digest could prove after a crash is recorded when the last byte is sent."""
    artifact = await node.artifact(DEMO)
    await node.bytes_of(DEMO)

    assert await node.catalog.pages.held("pypi", artifact.key, artifact.filename) is not None


@pytest.mark.usefixtures("unproven")
async def test_a_file_without_a_digest_is_not_resumed(upstream: Upstream, node: Worker) -> None:
    """Nothing would tell a file glued from two versions: its clients are cut off."""
    upstream.misbehave(FILE, kinds.Cut(after=200_000, times=1))
    got, error = await came(node)

    assert (type(error), len(got)) == (UpstreamDown, 200_000 - HELD_BACK)
    assert ranges(upstream) == [None]
    assert (await came(node))[0] == DEMO.content


@pytest.mark.usefixtures("unproven")
async def test_a_file_without_a_digest_begins_anew_while_nobody_has_any_of_it(
    upstream: Upstream, node: Worker
) -> None:
    """A break costs nothing as long as no client has got a byte."""
    upstream.misbehave(TINY_FILE, kinds.Cut(after=20_000, times=2))

    assert await node.bytes_of(TINY) == TINY.content
    assert ranges(upstream, TINY_FILE) == [None] * 3


@pytest.mark.usefixtures("unproven")
async def test_a_file_without_a_digest_is_replaced_when_its_bytes_are_lost(
    upstream: Upstream, employ: Employ
) -> None:
    """A blob that was thrown away is brought and kept anew, though the bytes are others now."""
    node = await employ()
    artifact = await node.artifact(DEMO)
    await node.bytes_of(DEMO)
    kept = await node.fetch.kept(artifact)
    assert kept is not None
    await node.blobs.delete(kept[0])
    upstream.add(OTHER, without=("hashes",), metadata=False)

    assert await everything(await node.fetch.open(artifact)) == OTHER.content
    with upstream.down():
        assert await everything(await node.fetch.open(artifact)) == OTHER.content


async def test_an_md5_is_a_digest(upstream: Upstream, node: Worker) -> None:
    """An upstream that lists MD5 only is verified and resumed by that."""
    upstream.misbehave("/simple/demo/", kinds.Md5Only())
    upstream.misbehave(FILE, kinds.Cut(after=90_000, times=1))
    artifact = await node.artifact(DEMO)
    assert (artifact.hashes, artifact.sha256) == ({"md5": DEMO.md5}, None)
    assert await everything(await node.fetch.open(artifact)) == DEMO.content
    await node.fetch.close(10)  # a file is kept behind its clients' backs

    with upstream.down():
        assert await everything(await node.fetch.open(artifact)) == DEMO.content


async def test_a_wrong_md5_is_found_out(upstream: Upstream, node: Worker) -> None:
    """Bytes that do not have the listed MD5 are not kept."""
    upstream.misbehave("/simple/demo/", kinds.Md5Only())
    upstream.misbehave(FILE, kinds.WrongBytes())
    got, error = await came(node)

    assert isinstance(error, UpstreamLies)
    assert len(got) <= SIZE - HELD_BACK
    assert await node.fetch.kept(await node.artifact(DEMO)) is None


async def test_a_reader_that_waits_hears_of_the_end(upstream: Upstream, node: Worker) -> None:
    """When a transfer fails, every client that waits for it hears it."""
    upstream.misbehave(FILE, kinds.Status(status=410))
    artifact = await node.artifact(DEMO)
    heard = await asyncio.gather(
        *(node.fetch.open(artifact) for _ in range(20)), return_exceptions=True
    )

    assert {type(one).__name__ for one in heard} == {"NoSuchFile"}
