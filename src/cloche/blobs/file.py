"""Blobs as files on a disk: `file:///path`.

Durable means: fsync of the file, atomic rename, fsync of the folders that lead to it. So
`sha256/` never shows half a blob, and what was put survives a crash of the machine.
"""

import asyncio
import fcntl
import os
import re
import shutil
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from errno import ENOENT, EXDEV
from itertools import islice
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from cloche.blobs import _hashing
from cloche.blobs._memory import OpenFile, in_memory, opened
from cloche.core.errors import FULL, BadSetting, NoSuchBlob, StorageDown, StorageFull
from cloche.core.model import Digest
from cloche.ports import Blobs, Spooled, Stored

CHUNK = 256 << 10  # bytes of a read: one switch of threads each, if they come from the disk
BATCH = 1000  # blobs that `list` looks up in one go
ABANDONED = 3600  # seconds after which nobody still writes a temporary file
SMALL = 1 << 20  # bytes that a disk's cache takes at once
SLOW = 0.02  # seconds that a write may hold up the loop before the disk counts as busy,
REST = 1.0  # and for how long it then does
FOLDERS = [f"{number:02x}" for number in range(256)]

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


def connect(url: str, options: Mapping[str, str]) -> Blobs:
    """Open the store in the folder that the URL names, and make it if need be.

    Raise BadSetting when that cannot be.
    """
    if options:
        raise BadSetting(f"store.blobs is {url}, which takes no options; remove [store.s3]")
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.netloc not in ("", "localhost") or not path.startswith("/") or "\0" in path:
        raise BadSetting(f"store.blobs is {url}, which is no path; write file:///path/of/a/folder")
    store = _Files(Path(path))
    store.make()
    return store


def place(digest: Digest) -> str:
    """Where a blob lies below the folder: a server of files that has that folder finds it so."""
    return f"sha256/{digest[:2]}/{digest}"


class _Files:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._blobs = root / "sha256"
        self._folder = os.fspath(self._blobs)
        self._tmp = root / "tmp"  # on the same disk, so that renaming is atomic
        self._scratch = f"{self._tmp}/"
        self._aside = root / "aside"
        self._busy_until = 0.0

    def make(self) -> None:
        try:
            for folder in (self._blobs, self._tmp):
                folder.mkdir(parents=True, exist_ok=True)
            if not (self._blobs / FOLDERS[-1]).exists():
                for name in FOLDERS:
                    (self._blobs / name).mkdir(exist_ok=True)
                _sync(self._blobs)
        except OSError as e:
            raise BadSetting(
                f"the folder {self._root} for blobs cannot be made ({e.strerror}); "
                "name one in store.blobs that can be written"
            ) from None

    async def put(self, spooled: Spooled, *, lasting: bool = True) -> None:
        await asyncio.to_thread(self._put, spooled, lasting)

    def _put(self, spooled: Spooled, lasting: bool) -> None:  # noqa: FBT001 - behind a thread
        with self._translated():
            if not self._settle(spooled, lasting):
                spooled.path.unlink(missing_ok=True)

    async def keep(self, digest: Digest, data: bytes, *, lasting: bool = True) -> None:
        clock = time.monotonic
        if lasting or len(data) > SMALL or clock() < self._busy_until:
            await asyncio.to_thread(self._keep, digest, data, lasting)
            return
        # Here, and in no thread: the four calls into the kernel take 100 µs, and in a thread each
        # of them waits for the interpreter's lock (90 switches a blob, measured).
        began = clock()
        try:
            self._keep(digest, data, lasting)
        finally:  # a disk that fails may take long over it
            if clock() - began > SLOW:
                self._busy_until = clock() + REST

    def _keep(self, digest: Digest, data: bytes, lasting: bool) -> None:  # noqa: FBT001 - behind a thread
        with self._translated():
            if not lasting and self._add(digest, data):
                return
            scratch = self._tmp / uuid4().hex
            try:
                _write(scratch, data)
                moved = self._settle(Spooled(scratch, digest, len(data)), lasting)
            except OSError:
                scratch.unlink(missing_ok=True)
                raise
            if not moved:
                scratch.unlink()

    def _add(self, digest: Digest, data: bytes) -> bool:
        """Keep what is new without more ado, as most of it is; False when it is not that simple."""
        home, scratch = self._place(digest), f"{self._scratch}{uuid4().hex}"
        if os.access(home, os.F_OK):
            return False
        try:
            _write(scratch, data)
            os.rename(scratch, home)  # noqa: PTH104 - a Path takes 20 µs
        except OSError as e:
            with suppress(FileNotFoundError):
                os.unlink(scratch)  # noqa: PTH108
            if e.errno in {ENOENT, EXDEV}:  # which the longer way mends
                return False
            raise
        return True

    def _settle(self, spooled: Spooled, lasting: bool) -> bool:  # noqa: FBT001 - behind a thread
        """Move the file to where its digest belongs; False when the blob is there already."""
        home = self.path(spooled.digest)
        renewed = _renewed(home, spooled.size)
        if not renewed:
            if lasting:
                _sync(spooled.path)
            self._move(spooled.path, home)
        elif lasting:
            _sync(home)  # it may have been put there as what is only cached
        # Also when another process has just made it: it may not have come this far yet.
        for folder in (home.parent, self._blobs) if lasting else ():
            _sync(folder)
        return not renewed

    def _move(self, source: Path, home: Path) -> None:
        try:
            source.rename(home)
        except FileNotFoundError:
            # Not `sha256/` itself: where it is gone, its disk is not mounted.
            home.parent.mkdir(exist_ok=True)
            source.rename(home)
        except OSError as e:
            if e.errno != EXDEV:
                raise
            self._copy(source, home)

    def _copy(self, source: Path, home: Path) -> None:
        """Come from another disk: only what is complete is renamed into its place."""
        scratch = self._tmp / uuid4().hex
        try:
            shutil.copyfile(source, scratch)
            _sync(scratch)
            scratch.rename(home)
        finally:
            scratch.unlink(missing_ok=True)
        source.unlink(missing_ok=True)

    async def size(self, digest: Digest) -> int | None:
        # Here, and in no thread: waking one takes 60 µs, a look at an inode 2.
        with self._translated():
            try:
                return os.stat(self._place(digest)).st_size  # noqa: PTH116 - a Path takes 20 µs
            except FileNotFoundError:
                self._blobs.stat()
                return None

    async def read(self, digest: Digest, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        fd = self._open(digest)
        try:
            while start < stop and (data := await self._part(fd, start, min(CHUNK, stop - start))):
                yield data
                start += len(data)
        finally:
            os.close(fd)

    def _open(self, digest: Digest) -> int:
        with self._translated():
            try:
                return os.open(self._place(digest), os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                self._blobs.stat()
                raise NoSuchBlob(f"no file with the sha256 {digest} is kept") from None

    async def _part(self, fd: int, start: int, size: int) -> bytes:
        data = in_memory(fd, start, size)
        if data is not None:
            return data
        reading = asyncio.ensure_future(asyncio.to_thread(self._pread, fd, start, size))
        try:
            return await asyncio.shield(reading)
        finally:
            if not reading.done():
                await asyncio.wait({reading})  # it reads from the file that is closed next

    def _pread(self, fd: int, start: int, size: int) -> bytes:
        with self._translated():
            return os.pread(fd, size, start)

    def opened(self, digest: Digest, size: int) -> OpenFile | None:
        return opened(self._place(digest), size)

    async def delete(self, digest: Digest, *, before: datetime | None = None) -> bool:
        return await asyncio.to_thread(self._delete, digest, before)

    def _delete(self, digest: Digest, before: datetime | None) -> bool:
        home = self.path(digest)
        with self._translated(), _locked(home) as found:
            if found is not None and before and found.st_mtime > before.timestamp():
                return False
            if found is not None:
                home.unlink()
            return True

    async def hashed(self, digests: Sequence[Digest]) -> Sequence[Digest | None]:
        with self._translated():
            self._blobs.stat()
            return await _hashing.hashed([os.fspath(self.path(each)) for each in digests])

    async def list(self) -> AsyncIterator[Stored]:
        """Also clears away what crashes left in `tmp/`: it is the one thing done regularly."""
        await asyncio.to_thread(self._clear)
        walk = self._walk(self._blobs)
        while batch := await asyncio.to_thread(self._next, walk):
            for stored in batch:
                yield stored

    async def stored(self, shard: str) -> AsyncIterator[Stored]:
        walk = self._walk(self._blobs / shard)
        while batch := await asyncio.to_thread(self._next, walk):
            for stored in batch:
                yield stored

    async def set_aside(self, digest: Digest) -> str:
        return await asyncio.to_thread(self._set_aside, digest)

    def _set_aside(self, digest: Digest) -> str:
        place = self._aside / f"{digest}.{uuid4().hex}"
        with self._translated():
            self._aside.mkdir(exist_ok=True)
            self.path(digest).rename(place)
            _sync(self._aside)
        return str(place)

    def _next(self, walk: Iterator[Stored]) -> Sequence[Stored]:
        with self._translated():
            return [*islice(walk, BATCH)]

    def _walk(self, folder: Path) -> Iterator[Stored]:
        for entry in _entries(folder):
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(Path(entry.path))
            elif _DIGEST.match(entry.name):
                with suppress(FileNotFoundError):
                    found = entry.stat(follow_symlinks=False)
                    modified = datetime.fromtimestamp(found.st_mtime, UTC)
                    yield Stored(Digest(entry.name), found.st_size, modified)

    def _clear(self) -> None:
        with self._translated():
            self._blobs.stat()
            for entry in _entries(self._tmp):
                with suppress(FileNotFoundError):
                    if entry.stat(follow_symlinks=False).st_mtime < time.time() - ABANDONED:
                        Path(entry.path).unlink()

    async def check(self) -> None:
        await asyncio.to_thread(self._check)

    def _check(self) -> None:
        """Write, as `put` does: a disk that can be read may be full or read-only."""
        scratch = self._tmp / uuid4().hex
        try:
            with self._translated():
                self._blobs.stat()
                scratch.write_bytes(b"cloche")
                _sync(scratch)
        finally:
            with suppress(OSError):
                scratch.unlink(missing_ok=True)

    def path(self, digest: Digest) -> Path:
        return Path(self._place(digest))

    def _place(self, digest: Digest) -> str:
        return f"{self._folder}/{digest[:2]}/{digest}"

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as e:
            if e.errno in FULL:
                raise StorageFull(
                    f"the server's disk for blobs has no room for the file ({e.strerror}); "
                    "ask the server's operator to make some"
                ) from None
            raise StorageDown(
                f"the files in {self._root} cannot be used ({e.strerror}); "
                "ask the server's operator to look at the disk and at who owns the folder"
            ) from e


def _renewed(home: Path, size: int) -> bool:
    """Make a blob young that is there already. One of another size is damaged: make room."""
    with _locked(home) as found:
        if found is None:
            return False
        if found.st_size != size:
            home.unlink()
            return False
        os.utime(home)
        return True


@contextmanager
def _locked(path: Path) -> Iterator[os.stat_result | None]:
    """Keep others from making it young, or deleting it; None when there is no such file.

    So a blob that is put again is either there, and young, or it is put anew.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)  # NFS locks no file that is only read
    except FileNotFoundError:
        yield None
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        found = os.fstat(fd)
        yield found if _is_still(path, found) else None
    finally:
        os.close(fd)


def _is_still(path: Path, found: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), found)
    except FileNotFoundError:
        return False


def _write(path: Path | str, data: bytes) -> None:
    """As `Path.write_bytes`, which asks the kernel four things more of each new file."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]
    finally:
        os.close(fd)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [*entries]
    except FileNotFoundError:
        return []


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
