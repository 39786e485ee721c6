"""The node's scratch disk: locks between processes, and uploads on their way in."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cloche.core.errors import BadSetting, StorageDown, StorageFull
from cloche.ports import Note
from cloche.spool import FEW, QUICK, Spool
from tests.service.full_disk import room_for
from tests.spool_processes import busy, hold_lock, receive_upload

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


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    async with asyncio.timeout(seconds):
        yield


async def is_free(spool: Spool, name: str = "name", seconds: float = 30) -> bool:
    """Whether the lock can be had, at the latest after so many seconds."""
    try:
        async with asyncio.timeout(seconds), spool.lock(name):
            return True
    except TimeoutError:
        return False


# Locks --------------------------------------------------------------------------------------


async def test_a_lock_keeps_everybody_else_out(spool: Spool, root: Path) -> None:
    """A second holder waits, of this process too; another name is another lock."""
    async with spool.lock("name"):
        assert not await is_free(spool, seconds=0.1)
        assert not await is_free(Spool(root), seconds=0.1)
        assert await is_free(spool, "other")
    assert await is_free(spool)
    assert files(root) == []


async def test_a_lock_is_given_back_when_what_it_guards_fails(spool: Spool) -> None:
    """A holder that raises does not keep the others out."""
    with pytest.raises(ZeroDivisionError):
        async with spool.lock("name"):
            raise ZeroDivisionError

    assert await is_free(spool)


async def test_a_killed_process_gives_its_lock_back(spool: Spool, root: Path) -> None:
    """A lock is out of reach while another process has it, and free when that is killed."""
    with busy(hold_lock, root) as kill:
        assert not await is_free(spool, seconds=0.1)
        assert await spool.sweep(0) == 0
        assert not await is_free(spool, seconds=0.1)
        kill()
        async with within(5), spool.lock("name"):
            pass
    assert files(root) == []


async def test_two_never_hold_a_lock_at_once(root: Path) -> None:
    """However lockers and sweeps mix, one at a time is in."""
    inside, most = 0, 0

    async def enter(one: Spool) -> None:
        nonlocal inside, most
        async with one.lock("name"):
            inside += 1
            most = max(most, inside)
            await one.sweep(0)
            inside -= 1

    async with within(20):
        await asyncio.gather(*(enter(Spool(root)) for _ in range(30)))
    assert (most, files(root)) == (1, [])


def test_two_threads_never_have_one_claim(root: Path) -> None:
    """A lock that one thread takes in the instant in which another drops it is a lock."""
    spool, inside = Spool(root), root / "inside"

    def enter(_: int) -> int:
        entered = 0
        while entered < 300:
            partial = spool.partial("file")
            if partial.claim():
                inside.touch(exist_ok=False)
                inside.unlink()
                partial.release()
                entered += 1
        return entered

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(enter, range(4))) == [300] * 4


async def test_a_name_may_be_anything(spool: Spool) -> None:
    """What is locked is named by its meaning, not by what a file may be called."""
    assert await is_free(spool, f"page pypi/../{'x' * 5000}\0\n")


# Uploads ------------------------------------------------------------------------------------


async def test_an_upload_is_hashed_as_it_comes(spool: Spool) -> None:
    """Digests and size are of what was written, without reading it again."""
    data = [b"some ", b"", b"bytes"]
    with spool.scratch() as scratch:
        for each in data:
            await scratch.write(each)
        whole = b"".join(data)

        assert scratch.digests == {
            "md5": hashlib.md5(whole, usedforsecurity=False).hexdigest(),
            "sha256": hashlib.sha256(whole).hexdigest(),
            "blake2_256": hashlib.blake2b(whole, digest_size=32).hexdigest(),
        }
        spooled = scratch.spooled
        assert (spooled.size, spooled.digest) == (10, scratch.digests["sha256"])
        assert spooled.path.read_bytes() == whole


async def test_a_small_upload_never_comes_to_the_disk(spool: Spool, root: Path) -> None:
    """What is small is in memory, unless somebody wants a file of it; what comes then is in it."""
    with spool.scratch() as scratch:
        await scratch.write(b"a")
        await scratch.write(bytes(QUICK + 1))
        assert (files(root), scratch.data) == ([], b"a" + bytes(QUICK + 1))
        path = scratch.spooled.path
        assert (path.read_bytes(), scratch.data) == (b"a" + bytes(QUICK + 1), None)
        await scratch.write(b"z")
        assert path.read_bytes() == b"a" + bytes(QUICK + 1) + b"z"
        assert scratch.digests["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert files(root) == []


@pytest.mark.parametrize("sizes", [[FEW], [FEW - 1, 1], [1, FEW - 1], [1] * 9 + [FEW, 1]])
async def test_a_large_upload_is_on_the_disk(sizes: list[int], spool: Spool, root: Path) -> None:
    """From so many bytes on, however they come, memory has none of them."""
    data = [bytes([number]) * size for number, size in enumerate(sizes)]
    with spool.scratch() as scratch:
        for each in data:
            await scratch.write(each)
        assert (scratch.data, scratch.size) == (None, sum(sizes))
        [name] = files(root)
        assert scratch.spooled.path.name == name
        assert scratch.spooled.path.read_bytes() == b"".join(data)
        assert scratch.spooled.digest == hashlib.sha256(b"".join(data)).hexdigest()


async def test_an_upload_that_is_not_taken_is_removed(spool: Spool, root: Path) -> None:
    """Nothing remains of an upload that fails."""
    for size in (7, FEW):
        with spool.scratch() as scratch:
            await scratch.write(bytes(size))
        assert files(root) == []


async def test_an_upload_that_is_taken_stays(spool: Spool, root: Path) -> None:
    """Whoever moves the file away in time has it."""
    with spool.scratch() as scratch:
        await scratch.write(b"taken")
        scratch.spooled.path.rename(root / "kept")
    assert (root / "kept").read_bytes() == b"taken"


async def test_uploads_do_not_meet(spool: Spool) -> None:
    """Each upload has a file of its own."""
    with spool.scratch() as one, spool.scratch() as two:
        await asyncio.gather(one.write(b"one"), two.write(b"two"))
        assert one.spooled.path.read_bytes() == b"one"
        assert two.spooled.path.read_bytes() == b"two"


async def test_an_upload_that_a_killed_process_left_is_swept(spool: Spool, root: Path) -> None:
    """An upload in another process is left alone while that lives, and removed at once after."""
    with busy(receive_upload, root) as kill:
        assert await spool.sweep(0) == 0
        assert len(files(root)) == 1
        kill()
        assert await spool.sweep(10_000) == 1
    assert files(root) == []


async def test_an_upload_that_does_not_fit(spool: Spool, root: Path) -> None:
    """A full disk is said to be that, and the upload leaves it as it was."""
    with room_for(1000), spool.scratch() as scratch, pytest.raises(StorageFull):
        await scratch.write(bytes(FEW))
    with room_for(1000), spool.scratch() as scratch:
        await scratch.write(bytes(2000))
        with pytest.raises(StorageFull):
            _ = scratch.spooled
    assert files(root) == []


# The folder ---------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A spool that cannot be used is a setting to correct, and the error says where."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadSetting, match="--data"):
        Spool(tmp_path / "file" / "spool")


async def test_a_folder_that_is_lost(spool: Spool, root: Path) -> None:
    """A scratch disk that goes away is an outage of the storage; locks outlive it."""
    shutil.rmtree(root)
    with spool.scratch() as scratch, pytest.raises(StorageDown):
        await scratch.write(bytes(FEW))
    with pytest.raises(StorageDown):
        await spool.partial("file").start(set(), resume=True)
    assert await is_free(spool)
    with pytest.raises(StorageDown):
        await spool.sweep(0)
