"""Blobs that come in memory: small ones are written where the loop runs, if the disk is quick."""

import errno
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from cloche.blobs import file
from cloche.core.errors import Error, StorageDown, StorageFull
from cloche.ports import Blobs
from tests.blobs.samples import content, digest_of, put

pytestmark = pytest.mark.anyio

LARGE = bytes(range(256)) * 8192  # 2 MiB: more than is written where the loop runs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def blobs(root: Path) -> Blobs:
    return file.connect(root.as_uri(), {})


@dataclass
class Writing:
    """Notes which thread each blob is written in, and what the disk makes of it."""

    threads: list[int] = field(default_factory=list)
    seconds: float = 0.0
    most: int = 1 << 30
    fails: OSError | None = None
    write: Callable[[int, memoryview], int] = os.write
    now: float = 1000.0

    def __call__(self, fd: int, data: memoryview) -> int:
        self.threads.append(threading.get_ident())
        self.now += self.seconds
        if self.fails is not None:
            raise self.fails
        return self.write(fd, data[: self.most])

    @property
    def here(self) -> list[bool]:
        """Of each write, whether it was where the loop runs."""
        return [each == threading.get_ident() for each in self.threads]


@pytest.fixture
def writing(monkeypatch: pytest.MonkeyPatch) -> Writing:
    """A disk that can be made slow, full or broken; its seconds pass by themselves."""
    writing = Writing()
    monkeypatch.setattr(os, "write", writing)
    monkeypatch.setattr(
        file, "time", SimpleNamespace(monotonic=lambda: writing.now, time=time.time)
    )
    return writing


async def keep(blobs: Blobs, data: bytes, *, lasting: bool = False) -> None:
    await blobs.keep({digest_of(data): data}, lasting=lasting)


async def test_small_blobs_of_the_cache_take_no_thread(blobs: Blobs, writing: Writing) -> None:
    """What is small and may be lost is written at once; all else waits for the disk in a thread."""
    await keep(blobs, b"small")
    await keep(blobs, LARGE)
    await keep(blobs, b"precious", lasting=True)

    assert writing.here == [True, False, False]


@pytest.mark.parametrize("fails", [None, OSError(errno.EIO, "Input/output error")])
async def test_a_slow_disk_holds_up_one_request(
    fails: OSError | None, blobs: Blobs, writing: Writing
) -> None:
    """Once a disk has taken its time, or failed after it, threads wait for it for a while."""
    writing.seconds, writing.fails = 2 * file.SLOW, fails
    with suppress(StorageDown):
        await keep(blobs, b"first")
    writing.seconds, writing.fails = 0, None
    await keep(blobs, b"second")
    writing.now += file.REST
    await keep(blobs, b"third")

    assert writing.here == [True, False, True]


@pytest.mark.parametrize("size", [100_000, len(LARGE)])
async def test_a_disk_that_takes_little_at_once_gets_all(
    size: int, blobs: Blobs, writing: Writing
) -> None:
    """However little of it the kernel takes at a time, all of a blob is written."""
    writing.most = 4099

    await keep(blobs, LARGE[:size])

    assert len(writing.threads) == -(-size // 4099)
    assert await content(blobs, digest_of(LARGE[:size])) == LARGE[:size]


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize(
    ("error", "raised"),
    [(errno.ENOSPC, StorageFull), (errno.EIO, StorageDown), (errno.EACCES, StorageDown)],
)
async def test_what_a_disk_refuses_is_not_kept(
    error: int, raised: type[Error], blobs: Blobs, root: Path, writing: Writing, *, lasting: bool
) -> None:
    """A disk that is full, broken or not ours is told as that, and the next blob is kept."""
    writing.fails = OSError(error, os.strerror(error))
    with pytest.raises(raised, match=f"{os.strerror(error)}.*; ask the server's operator"):
        await keep(blobs, b"refused", lasting=lasting)
    assert [path for path in root.rglob("*") if path.is_file()] == []

    writing.fails = None
    await keep(blobs, b"refused", lasting=lasting)
    assert await content(blobs, digest_of(b"refused")) == b"refused"


@pytest.mark.parametrize("lasting", [False, True])
async def test_a_folder_that_is_missing_is_made_again(
    blobs: Blobs, root: Path, tmp_path: Path, *, lasting: bool
) -> None:
    """One of the 256 folders that somebody took away is there again with its next blob."""
    for folder in (root / "sha256").iterdir():
        folder.rmdir()

    await keep(blobs, b"kept", lasting=lasting)
    await put(blobs, tmp_path, b"put")

    assert await content(blobs, digest_of(b"kept")) == b"kept"
    assert await content(blobs, digest_of(b"put")) == b"put"


async def test_a_store_without_its_disk_keeps_nothing(
    blobs: Blobs, root: Path, tmp_path: Path
) -> None:
    """Where all folders are gone their disk is not mounted: none is made in its place."""
    root.rename(tmp_path / "unmounted")
    root.mkdir()
    (root / "tmp").mkdir()

    for lasting in (False, True):
        with pytest.raises(StorageDown, match="No such file"):
            await keep(blobs, b"kept", lasting=lasting)
    assert [path.name for path in root.rglob("*")] == ["tmp"]
