"""Several workers of a node: one of them brings a file, and the others read along."""

import asyncio
from pathlib import Path

import pytest

from cloche.core.errors import Error, TransferBroken, UpstreamLies
from tests.packages import wheel
from tests.service.other import fetching
from tests.service.worker import HELD_BACK, Employ, Worker, everything, part
from tests.upstream import kinds
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

SIZE = 400_000
HALF = SIZE // 2
DEMO = wheel("demo", "1.0", size=SIZE)
FILE = "/files/demo/demo-1.0-py3-none-any.whl"


@pytest.fixture(autouse=True)
def listed(upstream: Upstream) -> None:
    upstream.add(DEMO)


async def test_two_workers_cause_one_transfer(upstream: Upstream, employ: Employ) -> None:
    """Clients of another worker read what the first one fetches, as it comes."""
    first, second = await employ(), await employ()
    with upstream.gate(FILE, after=HALF):
        leading = await first.fetch.open(await first.artifact(DEMO))
        following = [await second.fetch.open(await second.artifact(DEMO)) for _ in range(50)]
        begun = [await part(body, HALF - HELD_BACK) for body in (leading, *following)]
    rest = await asyncio.gather(*(everything(body) for body in (leading, *following)))

    assert {start + end for start, end in zip(begun, rest, strict=True)} == {DEMO.content}
    assert len(upstream.requests(FILE)) == 1


async def test_a_follower_that_comes_late_finds_the_file(
    upstream: Upstream, employ: Employ
) -> None:
    """A worker that asks when all has come, but is not verified yet, gets it all the same."""
    first, second = await employ(), await employ()
    with upstream.gate(FILE, after=SIZE - 1):
        leading = await first.fetch.open(await first.artifact(DEMO))
        await part(leading, SIZE - 1 - HELD_BACK)
        asking = asyncio.ensure_future(second.bytes_of(DEMO))

    assert await asking == DEMO.content
    assert len(upstream.requests(FILE)) == 1


async def test_many_rounds_of_leading_and_following(upstream: Upstream, employ: Employ) -> None:
    """However the end of a transfer meets its followers' looks at it, none is cut off."""
    first, second, third = await employ(), await employ(), await employ()
    many = [wheel("many", f"{n}.0", size=100_000 + n) for n in range(20)]
    paths = [upstream.add(one) for one in many]
    for path in paths:
        upstream.misbehave(path, kinds.Slow(per_chunk=0.001, chunk=10_000))
    for one in many:
        got = await asyncio.gather(*(node.bytes_of(one) for node in (first, second, third)))
        assert set(got) == {one.content}

    assert [len(upstream.requests(path)) for path in paths] == [1] * len(many)


async def test_wrong_bytes_reach_no_follower_whole(upstream: Upstream, employ: Employ) -> None:
    """What a worker finds wrong, the clients of the other workers do not get whole either."""
    first, second = await employ(), await employ()
    upstream.misbehave(FILE, kinds.WrongBytes(times=1))
    with upstream.gate(FILE, after=SIZE - 1, times=1):
        leading = await first.fetch.open(await first.artifact(DEMO))
        following = await second.fetch.open(await second.artifact(DEMO))
        begun = await part(following, SIZE - 1 - HELD_BACK)
    with pytest.raises(UpstreamLies):
        await everything(leading)
    with pytest.raises(Error):
        await everything(following)

    assert len(begun) == SIZE - 1 - HELD_BACK
    assert await second.bytes_of(DEMO) == DEMO.content


async def test_the_next_worker_goes_on_where_the_first_ended(
    upstream: Upstream, employ: Employ
) -> None:
    """When the worker that brings a file ends, one that reads along brings the rest."""
    first, second = await employ(), await employ()
    with upstream.gate(FILE, after=HALF, times=1):
        await first.fetch.open(await first.artifact(DEMO))
        following = await second.fetch.open(await second.artifact(DEMO))
        begun = await part(following, HALF - HELD_BACK)
        await first.fetch.close(patience=0)

    assert begun + await everything(following) == DEMO.content
    assert [one.headers.get("range") for one in upstream.requests(FILE)] == [None, f"bytes={HALF}-"]


async def test_two_processes_cause_one_transfer(
    tmp_path: Path, upstream: Upstream, node: Worker
) -> None:
    """Another process of the node reads along with the one that fetches: one page, one file."""
    with fetching(tmp_path, upstream.simple, DEMO.filename) as other:
        with upstream.gate(FILE, after=HALF):
            await asyncio.to_thread(upstream.wait_for, 1, FILE)
            body = await node.fetch.open(await node.artifact(DEMO))
            begun = await part(body, HALF - HELD_BACK)
        mine = begun + await everything(body)
        theirs = await asyncio.to_thread(other.digest)

    assert (mine, theirs) == (DEMO.content, DEMO.sha256)
    assert [one.path for one in upstream.requests()] == ["/simple/demo/", FILE]


async def test_a_killed_leader_is_succeeded(
    tmp_path: Path, upstream: Upstream, node: Worker
) -> None:
    """When the process that fetches is killed, the others' clients get the right bytes."""
    with fetching(tmp_path, upstream.simple, DEMO.filename) as other:
        with upstream.gate(FILE, after=HALF, times=1):
            await asyncio.to_thread(upstream.wait_for, 1, FILE)
            body = await node.fetch.open(await node.artifact(DEMO))
            begun = await part(body, HALF - HELD_BACK)
            other.kill()
        mine = begun + await everything(body)

    assert mine == DEMO.content
    assert [one.headers.get("range") for one in upstream.requests(FILE)] == [None, f"bytes={HALF}-"]
    await node.fetch.close(10)  # a file is kept behind its clients' backs
    kept = await node.fetch.kept(await node.artifact(DEMO))
    assert kept == (DEMO.sha256, SIZE)


async def test_a_killed_leader_of_an_unproven_file_leaves_no_glue(
    tmp_path: Path, upstream: Upstream, node: Worker
) -> None:
    """Without a digest a client that has begun is cut off, and the next one gets a whole file."""
    upstream.add(DEMO, without=("hashes",))
    with fetching(tmp_path, upstream.simple, DEMO.filename) as other:
        with upstream.gate(FILE, after=HALF, times=1):
            await asyncio.to_thread(upstream.wait_for, 1, FILE)
            body = await node.fetch.open(await node.artifact(DEMO))
            await part(body, HALF - HELD_BACK)
            other.kill()
        with pytest.raises(TransferBroken):
            await everything(body)

    assert await node.bytes_of(DEMO) == DEMO.content
