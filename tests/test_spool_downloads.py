"""The node's scratch disk: files that grow while others read along."""

import asyncio
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cloche.core.errors import StorageFull
from cloche.ports import Note
from cloche.spool import Partial, Spool
from tests.service.full_disk import room_for
from tests.spool_processes import bring_file, busy

pytestmark = pytest.mark.anyio

NOTE = Note(total=100, etag='"one"')


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(root: Path) -> Spool:
    return Spool(root)


def files(root: Path) -> list[str]:
    """What is there beside the file whose ranges are the locks."""
    return sorted(p.name for p in root.rglob("*") if p.is_file() and p.name != "locked")


def grown_old(path: Path) -> None:
    then = time.time() - 1000
    os.utime(path, (then, then))


async def begun(spool: Spool, data: bytes = b"half of ", note: Note | None = NOTE) -> Partial:
    """A download of which so much has come; this process writes it."""
    partial = spool.partial("file")
    assert partial.claim()
    await partial.start({"md5"}, resume=True)
    if note is not None:
        await partial.note(note)
    await partial.write(data)
    return partial


async def test_a_download_is_hashed_as_it_comes(spool: Spool) -> None:
    """The sha256 is always known, and the listed digests beside it; others are not invented."""
    partial = spool.partial("file")
    partial.claim()
    assert await partial.start({"md5", "crc32"}, resume=True) is None
    await partial.write(b"some ")
    await partial.write(b"bytes")

    assert partial.digests == {
        "md5": hashlib.md5(b"some bytes", usedforsecurity=False).hexdigest(),
        "sha256": hashlib.sha256(b"some bytes").hexdigest(),
    }
    spooled = partial.spooled
    assert (spooled.size, spooled.path.read_bytes()) == (10, b"some bytes")
    partial.release()
    partial.close()


async def test_one_process_writes(spool: Spool, root: Path) -> None:
    """Whoever claims a download first writes it; claiming twice is harmless."""
    partial = await begun(spool)
    assert partial.claim()
    assert not Spool(root).partial("file").claim()
    assert Spool(root).partial("other").claim()
    partial.release()
    partial.release()
    partial.close()
    other = Spool(root).partial("file")
    assert other.claim()
    other.release()


async def test_a_download_is_resumed_where_it_ended(spool: Spool, root: Path) -> None:
    """The next process appends to what is there, and its digests are of the whole."""
    first = await begun(spool)
    first.release()
    first.close()
    second = Spool(root).partial("file")
    assert second.claim()

    assert await second.start({"md5"}, resume=True) == NOTE
    assert second.size == len(b"half of ")
    await second.write(b"it all")
    assert second.spooled.path.read_bytes() == b"half of it all"
    assert second.digests["sha256"] == hashlib.sha256(b"half of it all").hexdigest()
    assert second.digests["md5"] == hashlib.md5(b"half of it all").hexdigest()  # noqa: S324 - listed
    assert second.read(5, 100) == b"of it all"
    second.release()
    second.close()


async def test_a_killed_writer_is_succeeded(spool: Spool, root: Path) -> None:
    """While another process writes, this one reads along; when it is killed, this one goes on."""
    partial = spool.partial("file")
    with busy(bring_file, root) as kill:
        assert not partial.claim()
        assert partial.growth().size == len(b"half of ")
        assert partial.read(0, 100) == b"half of "
        assert await spool.sweep(0) == 0
        kill()
    assert partial.claim()
    await partial.start(set(), resume=True)
    await partial.write(b"it all")

    assert partial.spooled.path.read_bytes() == b"half of it all"
    partial.release()
    partial.close()


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"{nonsense")])
async def test_without_its_note_a_download_is_resumed_all_the_same(
    spool: Spool, root: Path, spoil: Callable[[Path], object]
) -> None:
    """A note that is lost or damaged costs the validator, not what has come."""
    first = await begun(spool)
    first.release()
    first.close()
    spoil(root / "downloads" / "file.note")
    second = spool.partial("file")
    second.claim()

    assert await second.start(set(), resume=True) is None
    assert second.size == len(b"half of ")
    second.release()
    second.close()


async def test_a_download_that_must_not_be_resumed_begins_anew(spool: Spool) -> None:
    """Without resumption nothing of an earlier attempt is left in file, note or digest."""
    first = await begun(spool)
    first.release()
    first.close()
    second = spool.partial("file")
    second.claim()
    assert await second.start(set(), resume=False) is None
    await second.write(b"new")

    assert second.spooled.path.read_bytes() == b"new"
    assert second.digests["sha256"] == hashlib.sha256(b"new").hexdigest()
    second.release()
    second.close()


async def test_growth_is_seen_by_those_who_read_along(spool: Spool, root: Path) -> None:
    """A follower sees how far the writer has come, and how far it will."""
    follower = Spool(root).partial("file")
    assert follower.growth().size == 0
    assert follower.growth().same
    writer = await begun(spool)
    growth = follower.growth()
    assert (growth.size, growth.total, growth.same) == (8, 100, True)
    await writer.write(b"it all")

    assert follower.growth().size == 14
    assert follower.read(0, 100) == b"half of it all"
    for one in (writer, follower):
        one.release()
        one.close()


@pytest.mark.parametrize("again", [False, True], ids=["thrown away", "and begun anew"])
async def test_what_is_thrown_away_is_noticed(spool: Spool, root: Path, *, again: bool) -> None:
    """A follower never takes what comes after a discard for a continuation of what it read."""
    writer, follower = await begun(spool), Spool(root).partial("file")
    follower.growth()
    if again:
        await writer.start(set(), resume=False)
        await writer.write(b"something else altogether")
    else:
        writer.discard()

    assert not follower.growth().same
    assert follower.read(0, 100) == b""
    for one in (writer, follower):
        one.release()
        one.close()


async def test_what_is_finished_and_taken_away_can_be_read_on(spool: Spool, root: Path) -> None:
    """A file that has moved into the store is no failure to those who read along."""
    writer, follower = await begun(spool), Spool(root).partial("file")
    follower.growth()
    await writer.write(b"it all")
    writer.spooled.path.rename(root / "stored")
    writer.release()

    growth = follower.growth()
    assert (growth.size, growth.same) == (14, True)
    assert follower.read(0, 100) == b"half of it all"
    writer.close()
    follower.close()
    assert files(root) == ["stored"]


async def test_readers_read_on_while_a_follower_becomes_the_writer(
    spool: Spool, root: Path
) -> None:
    """Opening the file for writing takes it from nobody who reads it through the same object."""
    writer, follower = await begun(spool), Spool(root).partial("file")
    follower.growth()
    writer.release()
    assert follower.claim()
    for _ in range(200):
        starting = asyncio.ensure_future(follower.start(set(), resume=True))
        while not starting.done():
            assert follower.read(0, 4) == b"half"
            await asyncio.sleep(0)
    for one in (writer, follower):
        one.release()
        one.close()


async def test_a_write_is_finished_before_its_file_is_closed(spool: Spool, root: Path) -> None:
    """Cancelling a write waits for it: a late one could hit the next file of that number."""
    partial = await begun(spool, b"")
    for _ in range(20):
        size = partial.size
        writing = asyncio.ensure_future(partial.write(bytes(1 << 20)))
        await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert partial.size in {size, size + (1 << 20)}
        assert (root / "downloads" / "file.part").stat().st_size == partial.size
    partial.release()
    partial.close()


async def test_a_download_that_does_not_fit(spool: Spool) -> None:
    """A full disk is said to be that, and the digest is of what was counted."""
    partial = await begun(spool, bytes(600))
    with room_for(1000), pytest.raises(StorageFull):
        await partial.write(bytes(600))

    assert partial.size == 600
    await partial.write(b"\1" * 600)
    assert partial.spooled.path.read_bytes() == bytes(600) + b"\1" * 600
    partial.release()
    partial.close()


async def test_a_download_is_swept_when_it_is_old_and_nobody_s(spool: Spool, root: Path) -> None:
    """What nobody resumes goes, with its note; what is young or in use stays."""
    partial = await begun(spool)
    part = root / "downloads" / "file.part"
    grown_old(part)
    assert await spool.sweep(100) == 0
    partial.release()
    partial.close()
    assert await spool.sweep(10_000) == 0
    assert files(root) == ["file.note", "file.part"]

    grown_old(part)
    assert await spool.sweep(100) == 1
    assert files(root) == []


async def test_a_note_is_nobody_s_without_its_file(spool: Spool, root: Path) -> None:
    """Notes of downloads that have ended do not pile up."""
    partial = await begun(spool)
    partial.spooled.path.unlink()
    partial.release()
    partial.close()
    assert files(root) == []

    (root / "downloads" / "lost.note").write_bytes(b"{}")
    (root / "downloads" / "lost.note-new").write_bytes(b"{}")
    await spool.sweep(100)
    assert files(root) == []
