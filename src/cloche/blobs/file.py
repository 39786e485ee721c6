"""Blobs as files on a disk: `file:///path`.

Durable means: fsync of the file, atomic rename, fsync of the folders that lead to it. So
`sha256/` never shows half a blob, and what was put survives a crash of the machine.
"""

import asyncio
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
from cloche.blobs._disk import locked, renewed, sync, write
from cloche.blobs._folders import Folders
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
        self._folders = Folders(self._folder)
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
                sync(self._blobs)
        except OSError as e:
            raise BadSetting(
                f"the folder {self._root} for blobs cannot be made ({e.strerror}); "
                "name one in store.blobs that can be written"
            ) from None

    async def put(self, spooled: Spooled, *, lasting: bool = True) -> None:
        await asyncio.to_thread(self._put, spooled, lasting)

    def _put(self, spooled: Spooled, lasting: bool) -> None:  # noqa: FBT001 - behind a thread
        with self._translated():
            if not self._settle(spooled, lasting=lasting):
                spooled.path.unlink(missing_ok=True)

    async def keep(self, contents: Mapping[Digest, bytes], *, lasting: bool = True) -> None:
        clock = time.monotonic
        if lasting:
            await asyncio.to_thread(self._keep_for_ever, contents)
            return
        if sum(map(len, contents.values())) > SMALL or clock() < self._busy_until:
            await asyncio.to_thread(self._keep, contents)
            return
        # Here, and in no thread: the four calls into the kernel take 100 µs, and in a thread each
        # of them waits for the interpreter's lock (90 switches a blob, measured).
        began = clock()
        try:
            self._keep(contents)
        finally:  # a disk that fails may take long over it
            if clock() - began > SLOW:
                self._busy_until = clock() + REST

    def _keep(self, contents: Mapping[Digest, bytes]) -> None:
        with self._translated():
            for digest, data in contents.items():
                if not self._add(digest, data):
                    self._keep_all({digest: data}, lasting=False)

    def _keep_for_ever(self, contents: Mapping[Digest, bytes]) -> None:
        with self._translated():
            self._keep_all(contents, lasting=True)
            self._folders.sync({self._folder_of(digest) for digest in contents})

    def _keep_all(self, contents: Mapping[Digest, bytes], *, lasting: bool) -> None:
        """All are written before the first has its name, so that none is if one does not fit."""
        new: dict[str, str] = {}
        try:
            for digest, data in contents.items():
                home = self._place(digest)
                if self._renew(home, len(data), lasting=lasting):
                    continue
                scratch = f"{self._scratch}{uuid4().hex}"
                new[scratch] = home
                write(scratch, data, lasting=lasting)
            while new:
                scratch, home = next(iter(new.items()))
                self._name(scratch, home)
                del new[scratch]
        finally:
            for scratch in new:
                Path(scratch).unlink(missing_ok=True)

    def _add(self, digest: Digest, data: bytes) -> bool:
        """Keep what is new without more ado, as most of it is; False when it is not that simple."""
        home, scratch = self._place(digest), f"{self._scratch}{uuid4().hex}"
        if os.access(home, os.F_OK):
            return False
        try:
            write(scratch, data)
            os.rename(scratch, home)  # noqa: PTH104 - a Path takes 20 µs
        except OSError as e:
            with suppress(FileNotFoundError):
                os.unlink(scratch)  # noqa: PTH108
            if e.errno in {ENOENT, EXDEV}:  # which the longer way mends
                return False
            raise
        return True

    def _settle(self, spooled: Spooled, *, lasting: bool) -> bool:
        """Move the file to where its digest belongs; False when the blob is there already."""
        home = self._place(spooled.digest)
        found = self._renew(home, spooled.size, lasting=lasting)
        if not found:
            if lasting:
                sync(spooled.path)
            self._name(spooled.path, home)
        if lasting:
            self._folders.sync([self._folder_of(spooled.digest)])
        return not found

    def _renew(self, home: str, size: int, *, lasting: bool) -> bool:
        """Make a blob young; False when it is not there."""
        found = renewed(home, size)
        if found and lasting:
            sync(home)  # it may have been put there as what is only cached
        return found

    def _name(self, source: Path | str, home: str) -> None:
        """Give a file its blob's name. It may come from another disk."""
        try:
            os.rename(source, home)  # noqa: PTH104 - a Path takes 20 µs
        except FileNotFoundError:
            # Not `sha256/` itself: where it is gone, its disk is not mounted.
            folder = Path(home).parent
            folder.mkdir(exist_ok=True)
            self._folders.made(str(folder))
            Path(source).rename(home)
        except OSError as e:
            if e.errno != EXDEV:
                raise
            self._copy(Path(source), Path(home))

    def _copy(self, source: Path, home: Path) -> None:
        """Come from another disk: only what is complete is renamed into its place."""
        scratch = self._tmp / uuid4().hex
        try:
            shutil.copyfile(source, scratch)
            sync(scratch)
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
                os.stat(self._folder)  # noqa: PTH116
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
        with self._translated(), locked(home) as found:
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
            sync(self._aside)
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
                sync(scratch)
        finally:
            with suppress(OSError):
                scratch.unlink(missing_ok=True)

    def path(self, digest: Digest) -> Path:
        return Path(self._place(digest))

    def _place(self, digest: Digest) -> str:
        return f"{self._folder}/{digest[:2]}/{digest}"

    def _folder_of(self, digest: Digest) -> str:
        return f"{self._folder}/{digest[:2]}"

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


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [*entries]
    except FileNotFoundError:
        return []
