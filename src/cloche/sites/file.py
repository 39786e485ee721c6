"""A folder of this machine: `file:///path`.

Every file is written under another name and renamed, so nobody sees half of one. Folders are
opened one by one and never through a symbolic link: whoever may write to the target, or make up
names, leads nothing out of it. It is not synced: what is lost with the power has another size
than is written down, and is written again.
"""

import asyncio
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from errno import EISDIR, ELOOP, ENAMETOOLONG, ENOTDIR
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from cloche.core.errors import (
    FULL,
    BadName,
    BadSetting,
    DigestMismatch,
    StorageDown,
    StorageFull,
    TooLarge,
)
from cloche.core.model import Digest
from cloche.core.static import OWN
from cloche.ports.sites import Chunks, Site

SCRATCH = f"{OWN}/new"
BATCH = 1000  # names that are looked up in one go
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

Locate = Callable[[Digest], Path]


def connect(url: str, options: Mapping[str, str], locate: Locate | None) -> Site:
    """The folder that the URL names; it is made when it is first used.

    With `locate`, blobs that are files of the same disk are linked to, not copied.
    """
    if options:
        raise BadSetting(f"{url} takes no options; leave them out")
    return _Folder(Path(unquote(urlsplit(url).path)), locate)


class _Folder:
    lasting = False

    def __init__(self, root: Path, locate: Locate | None) -> None:
        self._root = root
        self._locate = locate

    async def begin(self) -> None:
        await asyncio.to_thread(self._begin)

    def _begin(self) -> None:
        with self._translated():
            self._root.mkdir(parents=True, exist_ok=True)
            with self._folder(SCRATCH, make=True) as fd:
                for name in os.listdir(fd):  # noqa: PTH208 - of an open folder
                    os.unlink(name, dir_fd=fd)

    async def read(self, path: str) -> bytes | None:
        return await asyncio.to_thread(self._read, path)

    def _read(self, path: str) -> bytes | None:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        with (
            self._translated(),
            suppress(FileNotFoundError),
            self._parent(path) as (fd, name),
            os.fdopen(os.open(name, flags, dir_fd=fd), "rb") as file,
        ):
            return file.read()
        return None

    async def sizes(self, paths: Sequence[str]) -> list[int | None]:
        return await asyncio.to_thread(lambda: [self._size(path) for path in paths])

    def _size(self, path: str) -> int | None:
        try:
            with self._parent(path) as (fd, name):
                found = os.stat(name, dir_fd=fd, follow_symlinks=False)
        except OSError:  # what cannot be looked at is not there: writing it tells why
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    async def write(self, path: str, data: bytes) -> None:
        await asyncio.to_thread(self._write, path, data)

    def _write(self, path: str, data: bytes) -> None:
        with self._translated(), self._scratch() as (name, file):
            file.write(data)
            file.close()
            self._settle(name, path)

    async def put(self, path: str, digest: Digest, chunks: Chunks) -> None:
        if self._locate is not None:
            blob = self._locate(digest)
            if await asyncio.to_thread(self._linked, blob, path):
                return
        seen = hashlib.sha256()
        with self._translated(), self._scratch() as (name, file):
            async for chunk in chunks():
                seen.update(chunk)
                await asyncio.to_thread(file.write, chunk)
            if seen.hexdigest() != digest:
                raise DigestMismatch(
                    f"the bytes of {path.rpartition('/')[2]} are not those with the sha256 "
                    f"{digest}; what is kept of it is damaged, so have it fetched or uploaded again"
                )
            await asyncio.to_thread(file.close)
            await asyncio.to_thread(self._settle, name, path)

    def _linked(self, blob: Path, path: str) -> bool:
        """Whether it could be linked: not to another disk, nor on every file system."""
        name = uuid4().hex
        try:
            with self._folder(SCRATCH, make=True) as fd:
                os.link(blob, name, dst_dir_fd=fd, follow_symlinks=False)
        except OSError:
            return False
        with self._translated():
            self._settle(name, path)
            self._drop(f"{SCRATCH}/{name}")  # renaming one link to a file over another does nothing
        return True

    async def remove(self, paths: Sequence[str]) -> None:
        await asyncio.to_thread(self._remove, paths)

    def _remove(self, paths: Sequence[str]) -> None:
        with self._translated():
            for path in paths:
                self._drop(path)
            for folder in sorted({p for path in paths for p in _above(path)}, reverse=True):
                with suppress(OSError), self._parent(folder) as (fd, name):
                    os.rmdir(name, dir_fd=fd)  # only if there is nothing in it

    def _drop(self, path: str) -> None:
        with suppress(FileNotFoundError), self._parent(path) as (fd, name):
            os.unlink(name, dir_fd=fd)

    async def names(self, folder: str) -> AsyncIterator[str]:
        with ExitStack() as stack:
            walk = await asyncio.to_thread(self._entries, folder, stack)
            while batch := await asyncio.to_thread(lambda: [*islice(walk, BATCH)]):
                for each in batch:
                    yield each.name

    def _entries(self, folder: str, stack: ExitStack) -> Iterator[os.DirEntry[str]]:
        with self._translated(), suppress(FileNotFoundError):
            fd = stack.enter_context(self._folder(folder))
            return stack.enter_context(os.scandir(fd))
        return iter(())

    # Files under other names -------------------------------------------------------------------

    @contextmanager
    def _scratch(self) -> Iterator[tuple[str, BinaryIO]]:
        """A new file that is not seen yet; it is gone afterwards unless it was settled."""
        name = uuid4().hex
        with self._folder(SCRATCH, make=True) as fd:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.fdopen(os.open(name, flags, 0o644, dir_fd=fd), "wb")
            try:
                yield name, file
            finally:
                with suppress(OSError):  # what a full disk did not take is not tried again
                    file.close()
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=fd)

    def _settle(self, name: str, path: str) -> None:
        with self._folder(SCRATCH) as source, self._parent(path, make=True) as (fd, last):
            try:
                os.rename(name, last, src_dir_fd=source, dst_dir_fd=fd)
            except IsADirectoryError:
                raise OSError(EISDIR, os.strerror(EISDIR), path) from None

    # Folders, none through a link --------------------------------------------------------------

    @contextmanager
    def _parent(self, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        _check(path)
        folder, _, name = path.rpartition("/")
        with self._folder(folder, make=make) as fd:
            yield fd, name

    @contextmanager
    def _folder(self, folder: str, *, make: bool = False) -> Iterator[int]:
        fd = os.open(self._root, _FOLDER)
        try:
            for name in folder.split("/") if folder else ():
                inner = _entered(fd, name, make=make)
                os.close(fd)
                fd = inner
            yield fd
        finally:
            os.close(fd)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as e:
            if e.errno in FULL:
                raise StorageFull(
                    f"the disk of {self._root} has no room for more ({e.strerror}); make some"
                ) from None
            if e.errno == ENAMETOOLONG:
                raise TooLarge(f"its name is too long for the disk of {self._root}") from None
            if e.errno in {ELOOP, ENOTDIR, EISDIR}:
                raise BadSetting(
                    f"{e.filename or 'something'} in {self._root} is not what an export made "
                    f"({e.strerror}; links are not followed); remove it"
                ) from None
            raise StorageDown(
                f"{self._root} cannot be used ({e.strerror}); "
                "look at the disk and at who owns the folder"
            ) from e


def _entered(fd: int, name: str, *, make: bool) -> int:
    try:
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=fd)
    except FileNotFoundError:
        if not make:
            raise
    with suppress(FileExistsError):
        os.mkdir(name, 0o755, dir_fd=fd)
    return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=fd)


def _above(path: str) -> Iterator[str]:
    """The folders that a file lies in."""
    while path := path.rpartition("/")[0]:
        yield path


def _check(path: str) -> None:
    if not {"", ".", ".."}.isdisjoint(path.split("/")) or "\0" in path:
        raise BadName(f"{path!r} cannot be the path of a file in an export")
