"""What only files can do: crash between two system calls, fill up, be unmounted."""

import asyncio
import errno
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import anyio
import pytest

from cloche.blobs import _memory, file
from cloche.core.errors import BadSetting, StorageDown, StorageFull
from cloche.ports import Blobs
from tests.blobs.samples import NOWHERE, content, digest_of, first, put, spool

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)
LARGE = bytes(range(256)) * 8192  # 2 MiB: more than the small disks below hold


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def blobs(root: Path) -> Blobs:
    return file.connect(root.as_uri(), {})


@pytest.fixture
def another_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let spooled files seem to lie on another disk: they cannot be renamed from there."""
    rename = os.rename

    def from_another_disk(source: str | Path, target: str | Path) -> None:
        if str(source).endswith(".upload"):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        rename(source, target)

    monkeypatch.setattr(os, "rename", from_another_disk)


def open_files() -> int:
    return len([*Path("/dev/fd").iterdir()])


def leftovers(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


@contextmanager
def limited(_: Path) -> Iterator[None]:
    """Forbid this process files over 1 MiB (EFBIG), which anybody may do to himself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a disk of 1 MiB (ENOSPC), which takes root."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def can_mount() -> bool:
    unshared = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return (
        shutil.which("unshare") is not None
        and subprocess.run(unshared, check=False).returncode == 0
    )


Fill = Callable[[Path], AbstractContextManager[None]]
FULL: list[Fill] = [limited, small_disk] if can_mount() else [limited]


@pytest.mark.usefixtures("another_disk")
@pytest.mark.parametrize("fill", FULL, ids=lambda fill: fill.__name__)
async def test_a_full_disk_keeps_nothing(fill: Fill, root: Path, tmp_path: Path) -> None:
    """What does not fit is StorageFull, leaves no bytes, and the store works on."""
    spooled = spool(tmp_path, LARGE)
    with fill(root):
        blobs = file.connect(root.as_uri(), {})
        with pytest.raises(StorageFull, match=r"no room .* ask the server's operator"):
            await blobs.put(spooled)

        assert leftovers(root) == []
        assert await blobs.size(spooled.digest) is None
        assert spooled.path.read_bytes() == LARGE
        assert await content(blobs, await put(blobs, tmp_path, b"small")) == b"small"


@pytest.mark.usefixtures("another_disk")
async def test_comes_from_another_disk(blobs: Blobs, root: Path, tmp_path: Path) -> None:
    """A file that cannot be renamed is copied, and nothing else is left of it."""
    digest = await put(blobs, tmp_path, LARGE)

    assert await content(blobs, digest) == LARGE
    assert [path.name for path in leftovers(root)] == [digest]
    assert [*tmp_path.glob("*.upload")] == []


CRASH = """
import asyncio, errno, os, sys, time
from pathlib import Path
from cloche.blobs import _memory, file
from tests.blobs.samples import spool

folder = Path(sys.argv[1])
def dying(source, target):
    if str(source).endswith(".upload"):
        raise OSError(errno.EXDEV, "Invalid cross-device link")
    print("copied", flush=True)
    time.sleep(60)

os.rename = dying
blobs = file.connect((folder / "blobs").as_uri(), {})
asyncio.run(blobs.put(spool(folder, b"x" * 1_000_000)))
"""


async def test_a_crash_leaves_no_half(blobs: Blobs, root: Path, tmp_path: Path) -> None:
    """A process that is killed between copy and rename leaves a temporary file, and no blob."""
    command = (sys.executable, "-c", CRASH, str(tmp_path))
    child = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert await child.stdout.readline() == b"copied\n"
    child.kill()
    await child.communicate()

    assert [path.parent.name for path in leftovers(root)] == ["tmp"]
    assert await blobs.size(digest_of(b"x" * 1_000_000)) is None
    assert [stored async for stored in blobs.list()] == []


async def test_list_clears_old_temporary_files(blobs: Blobs, root: Path) -> None:
    """What nobody has written to for an hour is a crashed process's; younger may be a put's."""
    old, young = root / "tmp" / "old", root / "tmp" / "young"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 3700,) * 2)

    assert [stored async for stored in blobs.list()] == []
    assert leftovers(root) == [young]


@pytest.mark.parametrize("call", ["fsync", "rename"])
async def test_a_failing_disk_keeps_nothing(
    call: str, blobs: Blobs, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk fails before the blob is safe, there is no blob, and the file remains."""
    spooled = spool(tmp_path, b"precious")

    def failing(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, call, failing)
    with pytest.raises(StorageDown, match="Input/output error"):
        await blobs.put(spooled)

    assert leftovers(root) == []
    assert spooled.path.read_bytes() == b"precious"


def told(monkeypatch: pytest.MonkeyPatch) -> list[int | str]:
    """What is synced from now on, as inodes, and each renaming, in order."""
    done: list[int | str] = []
    fsync, rename = os.fsync, os.rename

    def told_fsync(fd: int) -> None:
        done.append(os.fstat(fd).st_ino)
        fsync(fd)

    def told_rename(source: str | Path, target: str) -> None:
        done.append("rename")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", told_fsync)
    monkeypatch.setattr(os, "rename", told_rename)
    return done


async def test_put_is_durable(
    blobs: Blobs, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes are on the disk before they have their name, and every folder to it after."""
    done = told(monkeypatch)
    spooled = spool(tmp_path, b"durable")
    inode = spooled.path.stat().st_ino
    await blobs.put(spooled)
    await put(blobs, tmp_path, b"durable")

    home = root / "sha256" / spooled.digest[:2] / spooled.digest
    folder, sha256 = (folder.stat().st_ino for folder in home.parents[:2])
    assert home.stat().st_ino == inode
    # The second time it may have been there as what is only cached; its folder leads to it by now.
    assert done == [inode, "rename", folder, sha256, inode, folder]


async def test_what_is_kept_together_is_durable(
    blobs: Blobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All bytes are on the disk before the first has its name, and all folders when it returns."""
    done = told(monkeypatch)
    for said in (b"first", b"second"):
        digests = [digest_of(data) for data in (said, said + b"'s metadata")]
        done.clear()
        await blobs.keep(dict(zip(digests, (said, said + b"'s metadata"), strict=True)))

        homes = [root / "sha256" / digest[:2] / digest for digest in digests]
        assert done[:4] == [*(home.stat().st_ino for home in homes), "rename", "rename"]
        folders = {home.parent.stat().st_ino for home in homes}
        leads = {homes[0].parent.parent.stat().st_ino} if said == b"first" else set()
        assert set(done[4:]) == folders | leads


@pytest.mark.parametrize("fill", FULL, ids=lambda fill: fill.__name__)
async def test_of_several_all_fit_or_none(fill: Fill, root: Path) -> None:
    """What is kept together with what does not fit is not kept either, and leaves no bytes."""
    with fill(root):
        blobs = file.connect(root.as_uri(), {})
        several = {digest_of(data): data for data in (b"small", LARGE, b"behind")}
        with pytest.raises(StorageFull, match="no room"):
            await blobs.keep(several)

        assert leftovers(root) == []
        await blobs.keep({digest_of(b"small"): b"small"})
        assert await content(blobs, digest_of(b"small")) == b"small"


@pytest.mark.parametrize("whose", ["ours", "another's"])
async def test_a_folder_that_is_new_is_led_to(
    whose: str, blobs: Blobs, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a folder was made again, by whom ever, what leads to it is synced once more."""
    data = b"kept"
    folder = root / "sha256" / digest_of(data)[:2]
    await blobs.keep({digest_of(data): data})
    if whose == "ours":
        shutil.rmtree(folder)
    else:
        (tmp_path / "new").mkdir()
        folder.rename(tmp_path / "old")
        (tmp_path / "new").rename(folder)
    synced: list[int] = []
    fsync = os.fsync

    def told(fd: int) -> None:
        synced.append(os.fstat(fd).st_ino)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", told)
    for _ in range(2):
        await blobs.keep({digest_of(data): data})

    assert synced.count(folder.parent.stat().st_ino) == 1
    assert await content(blobs, digest_of(data)) == data


@pytest.mark.parametrize("there", [0, 1000, None])
async def test_what_is_not_in_memory_is_read_from_the_disk(
    there: int | None, blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much of a file the kernel has in memory, all of it is read."""

    def preadv(fd: int, buffers: list[bytearray], start: int, flags: int) -> int:  # noqa: ARG001 - the system's
        if there is None:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        data = os.pread(fd, there, start) if start % 3000 == 0 else b""
        if not data:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        buffers[0][: len(data)] = data
        return len(data)

    digest = await put(blobs, tmp_path, LARGE)
    monkeypatch.setattr(os, "preadv", preadv)

    assert await content(blobs, digest) == LARGE


async def test_a_read_that_is_given_up_leaves_no_file_open(
    blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who leaves while the disk turns closes the file, once nobody reads it any more."""
    monkeypatch.setattr(_memory, "NOWAIT", None)
    digest = await put(blobs, tmp_path, LARGE)
    before = open_files()
    reading = asyncio.ensure_future(anext(blobs.read(digest, 0, len(LARGE))))
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)

    assert open_files() == before


async def test_a_damaged_blob_is_replaced(blobs: Blobs, root: Path, tmp_path: Path) -> None:
    """A put over a blob that has lost bytes makes it whole."""
    digest = await put(blobs, tmp_path, b"whole")
    [path] = leftovers(root)
    path.write_bytes(b"who")

    await put(blobs, tmp_path, b"whole")

    assert await content(blobs, digest) == b"whole"


async def test_lists_only_blobs(blobs: Blobs, root: Path, tmp_path: Path) -> None:
    """Files that others leave in the folder are not blobs."""
    digest = await put(blobs, tmp_path, b"blob")
    (root / "sha256" / ".DS_Store").write_bytes(b"")
    (root / "sha256" / digest[:2] / f"{digest}.bak").write_bytes(b"")

    assert [stored.digest async for stored in blobs.list()] == [digest]


async def test_an_unmounted_disk_is_no_empty_store(
    blobs: Blobs, root: Path, tmp_path: Path
) -> None:
    """A store whose folder is gone is down: it has not lost its blobs, and takes none."""
    digest = await put(blobs, tmp_path, b"kept")
    root.rename(tmp_path / "unmounted")
    root.mkdir()

    for use in (
        lambda: blobs.size(digest),
        lambda: content(blobs, digest),
        lambda: put(blobs, tmp_path, b"more"),
        lambda: first(blobs, NOWHERE, 0, 1),
        blobs.check,
    ):
        with pytest.raises(StorageDown, match="look at the disk"):
            await use()
    with pytest.raises(StorageDown):
        [_ async for _ in blobs.list()]
    assert leftovers(root) == []


async def test_check_notices_a_disk_that_cannot_be_written(blobs: Blobs, root: Path) -> None:
    """A store that can be read and not be written fails its check."""
    (root / "tmp").rmdir()
    (root / "tmp").write_bytes(b"")

    with pytest.raises(StorageDown, match="Not a directory"):
        await blobs.check()


async def test_check_notices_a_full_disk(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk fails the check as what it is."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull, match="No space left"):
        await blobs.check()


async def test_cancelled_reads_close_their_files(blobs: Blobs, tmp_path: Path) -> None:
    """A client that goes away at any moment leaves no open file behind."""
    digest = await put(blobs, tmp_path, LARGE)
    before = open_files()

    for delay in range(100):
        reading = asyncio.ensure_future(content(blobs, digest))
        await asyncio.sleep(delay / 50_000)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    with anyio.fail_after(60):
        while open_files() > before:  # noqa: ASYNC110  # the threads tell nobody when they end
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("file://data/blobs", "no path"),
        ("file:", "no path"),
        ("file:data", "no path"),
        ("file:///a%00b", "no path"),
    ],
)
def test_bad_settings(url: str, said: str) -> None:
    """A URL that names no folder is refused with the cure."""
    with pytest.raises(BadSetting, match=said):
        file.connect(url, {})


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A folder below a file is refused when the server starts, not at the first upload."""
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(BadSetting, match=r"cannot be made \(Not a directory\); name one"):
        file.connect((tmp_path / "file" / "blobs").as_uri(), {})


def test_takes_no_options(root: Path) -> None:
    """Credentials for S3 are of no use here, and so a mistake."""
    with pytest.raises(BadSetting, match=r"remove \[store.s3\]"):
        file.connect(root.as_uri(), {"region": "x"})


async def test_put_again_while_it_is_swept(blobs: Blobs, root: Path, tmp_path: Path) -> None:
    """What is put again while somebody deletes it because it was old is there afterwards."""
    digest = digest_of(b"again and again")
    for _ in range(200):
        await put(blobs, tmp_path, b"again and again")
        [path] = [each for each in leftovers(root) if each.name == digest]
        os.utime(path, (1, 1))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(blobs.delete, digest, before=datetime.now(UTC) - HOUR))
            tasks.start_soon(put, blobs, tmp_path, b"again and again")
        assert await content(blobs, digest) == b"again and again"
