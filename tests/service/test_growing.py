"""Files on their way: in memory if they come at once, else where others can read along."""

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloche.blobs import file
from cloche.core.errors import TransferBroken, UpstreamLies
from cloche.core.model import Digest
from cloche.ports import Note
from cloche.service import growing
from cloche.service.growing import Growing, Room
from cloche.spool import Partial, Spool
from tests.service.worker import until

pytestmark = pytest.mark.anyio

DATA = b"the bytes of a small file"
HALF = len(DATA) // 2
SHA256 = hashlib.sha256(DATA).hexdigest()
NOTE = Note(total=len(DATA), etag='"one"')
HASHES = {"sha256", "md5"}


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
def partial(spool: Spool) -> Iterator[Partial]:
    one = spool.partial("file")
    assert one.claim()
    yield one
    one.release()
    one.close()


async def half(one: Growing, hashes: set[str], end: BaseException) -> None:
    """Let half of it come, and then an end."""
    assert one.place(len(DATA), hashes)
    async with one.taking(NOTE, hashes):
        await one.write(DATA[:HALF])
        raise end


async def test_what_comes_at_once_touches_no_spool(partial: Partial, tmp_path: Path) -> None:
    """A small file goes from memory into the store, and nothing of it is ever spooled."""
    blobs = file.connect((tmp_path / "blobs").as_uri(), {})
    one = Growing(partial, Room())
    assert one.place(len(DATA), HASHES)
    async with one.taking(NOTE, HASHES):
        await one.write(DATA[:HALF])
        await one.write(DATA[HALF:])
    await one.keep(blobs, Digest(SHA256))

    assert not partial.begun
    assert one.digests == {
        "sha256": SHA256,
        "md5": hashlib.md5(DATA, usedforsecurity=False).hexdigest(),
    }
    assert one.read(HALF, 3) == DATA[HALF : HALF + 3]
    assert b"".join([part async for part in blobs.read(Digest(SHA256), 0, 99)]) == DATA


async def test_what_takes_a_moment_is_there_for_other_processes(
    monkeypatch: pytest.MonkeyPatch, spool: Spool, partial: Partial, tmp_path: Path
) -> None:
    """A small file that is slow in coming can be read along, and goes on in the spool."""
    monkeypatch.setattr(growing, "MOMENT", 0.0)
    blobs = file.connect((tmp_path / "blobs").as_uri(), {})
    one, follower = Growing(partial, Room()), spool.partial("file")

    async def followed() -> bool:
        return follower.growth().size == HALF

    assert one.place(len(DATA), HASHES)
    async with one.taking(NOTE, HASHES):
        await one.write(DATA[:HALF])
        await until(followed)
        await one.write(DATA[HALF:])
    await one.keep(blobs, Digest(SHA256))

    assert not one.in_memory
    assert (follower.growth().total, follower.read(0, 99)) == (len(DATA), DATA)
    assert (one.size, one.read(0, 99), one.digests["sha256"]) == (len(DATA), DATA, SHA256)
    assert await blobs.size(Digest(SHA256)) == len(DATA)
    follower.close()


@pytest.mark.parametrize("end", [TransferBroken("cut"), asyncio.CancelledError()], ids=repr)
async def test_what_had_come_is_left_to_the_next(
    spool: Spool, partial: Partial, end: BaseException
) -> None:
    """A transfer that breaks, or a server that stops, leaves in the spool what had come."""
    one = Growing(partial, Room())
    with pytest.raises(type(end)):
        await half(one, HASHES, end)
    assert one.read(0, 99) == DATA[:HALF]  # its readers go on
    partial.release()

    other = spool.partial("file")
    assert other.claim()
    next_one = Growing(other, Room())
    noted = await next_one.open(HASHES)
    assert not next_one.place(len(DATA), HASHES)
    async with next_one.taking(NOTE, HASHES):
        await next_one.write(DATA[HALF:])

    assert (noted, next_one.size, next_one.digests["sha256"]) == (NOTE, len(DATA), SHA256)
    other.release()
    other.close()


async def test_without_a_digest_nothing_is_left(partial: Partial) -> None:
    """What no digest could prove is begun anew."""
    one = Growing(partial, Room())
    with pytest.raises(TransferBroken):
        await half(one, set(), TransferBroken("cut"))

    assert await one.open(set()) is None
    assert one.size == 0


async def test_memory_is_bounded(spool: Spool, partial: Partial) -> None:
    """Files for which there is no room are spooled, until others have been let go of."""
    room = Room(left=len(DATA))
    one, second = Growing(partial, room), Growing(spool.partial("other"), room)
    assert one.place(len(DATA), HASHES)
    assert not second.place(len(DATA), HASHES)
    del one

    assert Growing(partial, room).place(len(DATA), HASHES)


@pytest.mark.parametrize("size", [None, growing.SMALL + 1])
async def test_a_large_file_is_spooled(partial: Partial, size: int | None) -> None:
    """What is large, or may be, is never in memory whole."""
    one = Growing(partial, Room())
    assert not one.place(size, HASHES)
    async with one.taking(NOTE, HASHES):
        await one.write(DATA)

    assert (partial.size, one.read(0, 99)) == (len(DATA), DATA)


async def test_no_more_is_taken_than_was_announced(partial: Partial) -> None:
    """An upstream that sends more than it said fills no memory."""
    one = Growing(partial, Room())
    assert one.place(3, HASHES)

    with pytest.raises(UpstreamLies):
        await one.write(b"four")
