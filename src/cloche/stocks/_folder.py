"""A folder of this machine, and nothing that lies elsewhere."""

import asyncio
import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from cloche.core.errors import FULL, BadSetting, NoSuchFile, StorageFull
from cloche.ports import Hashed, Left, Scratch, Way
from cloche.stocks._places import CHUNK, Content, Entry, is_distribution

T = TypeVar("T")

BATCH = 500  # entries that a thread looks up in one go
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_OUTSIDE = "it is a link that leads out of the folder; import what it leads to, too"


@dataclass
class Folder:
    shown: str
    root: Path  # without links
    passed: int = 0

    @classmethod
    def at(cls, source: str) -> "Folder":
        """At a path, or at the address of one."""
        path = unquote(urlsplit(source).path) if source.startswith("file://") else source
        return cls(source, Path(os.path.realpath(path)))

    async def check(self) -> None:
        try:
            os.scandir(self.root).close()
        except OSError as e:
            raise BadSetting(
                f"{self.shown} cannot be read ({e.strerror}); name a folder, or s3://bucket/prefix"
            ) from None

    def walk(self, under: str = "") -> AsyncIterator[Entry | Left]:
        return _threaded(self._walk(under))

    def folders(self, under: str) -> AsyncIterator[str]:
        return _threaded(self._folders(under))

    async def find(self, path: str) -> Entry | None:
        return await asyncio.to_thread(self._find, path)

    async def read(self, path: str, most: int) -> bytes | None:
        return await asyncio.to_thread(self._read, path, most)

    async def said(self, path: str) -> Mapping[str, str]:  # noqa: ARG002 - a place's signature
        return {}

    @asynccontextmanager
    async def taken(self, path: str, scratch: Scratch, way: Way) -> AsyncIterator[Hashed]:
        opening = asyncio.to_thread(self._taken, path, scratch.spooled.path, way)
        content, held = await _to_the_end(opening)
        try:
            yield content
        finally:
            if held is not None:
                os.close(held)

    async def remove(self, path: str) -> None:
        with suppress(FileNotFoundError):
            await asyncio.to_thread((self.root / path).unlink)

    # Looking ---------------------------------------------------------------------------------

    def _walk(self, under: str) -> Iterator[Entry | Left]:
        waiting = [under]
        while waiting:
            folder = waiting.pop()
            try:
                entries = os.scandir(self.root / folder)
            except FileNotFoundError:
                continue
            except OSError as e:
                yield Left(folder or ".", f"the folder cannot be read ({e.strerror})")
                continue
            with entries:
                for entry in entries:
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(path)
                    elif (seen := self._seen(entry, path)) is not None:
                        yield seen

    def _seen(self, entry: os.DirEntry[str], path: str) -> Entry | Left | None:
        """A file of the folder, or what is wrong with one that looks like a distribution.

        A folder that a link leads to is found by itself, if it lies here.
        """
        try:
            if entry.is_symlink():
                return self._linked(path)
            found = entry.stat(follow_symlinks=False)
        except OSError as e:
            return Left(path, f"it cannot be read ({e.strerror})")
        if stat.S_ISREG(found.st_mode):
            return _entry(path, found)
        return Left(path, "it is no plain file") if is_distribution(entry.name) else None

    def _linked(self, path: str) -> Entry | Left | None:
        real = Path(os.path.realpath(self.root / path))
        if not real.is_relative_to(self.root):
            missed = real.is_dir() or is_distribution(path)
            return Left(path, _OUTSIDE) if missed else None
        if not real.exists():
            return Left(path, "it is a link that leads nowhere") if is_distribution(path) else None
        return _entry(path, real.stat()) if real.is_file() else None

    def _folders(self, under: str) -> Iterator[str]:
        try:
            entries = os.scandir(self.root / under)
        except OSError:
            return
        with entries:
            for entry in entries:
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                    yield entry.name

    def _find(self, path: str) -> Entry | None:
        try:
            with self._open(path) as file:
                return _entry(path, os.fstat(file.fileno()))
        except NoSuchFile:
            return None

    def _read(self, path: str, most: int) -> bytes | None:
        try:
            with self._open(path) as file:
                data = file.read(most + 1)
        except (NoSuchFile, OSError):
            return None
        return data if len(data) <= most else None

    def _open(self, path: str) -> BufferedReader:
        """Open a plain file that lies here, or to which a link from here to here leads.

        Name by name: a link that is put in the way meanwhile is refused as well.
        """
        real = Path(os.path.realpath(self.root / path))
        try:
            parts = real.relative_to(self.root).parts
            number = _descend(self.root, parts)
        except (OSError, ValueError):
            raise _gone(path) from None
        file = os.fdopen(number, "rb")
        if not stat.S_ISREG(os.fstat(number).st_mode):
            file.close()
            raise _gone(path)
        return file

    # Taking ----------------------------------------------------------------------------------

    def _taken(self, path: str, target: Path, way: Way) -> tuple[Content, int | None]:
        """The bytes, hashed, and an open file to close when they are no longer needed."""
        with self._open(path) as file, _translated():
            before = _stamp(file)
            content, held = self._had(path, file, target, way)
            if _stamp(file) != before:
                if held is not None:
                    os.close(held)
                raise NoSuchFile(f"{path} was written while it was read; try again")
        return content, held

    def _had(
        self, path: str, file: BufferedReader, target: Path, way: Way
    ) -> tuple[Content, int | None]:
        real = Path(os.path.realpath(self.root / path))
        if way == "look":
            return Content.of(real, *_hashed(file)), None
        if way == "copy":
            return _copied(file, target), None
        held = os.dup(file.fileno())
        try:
            # As long as it is locked, no sweep takes it for what a crash has left.
            with suppress(BlockingIOError):
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_linked(file, real, target):
                return Content.of(target, *_hashed(file)), held
        except BaseException:
            os.close(held)
            raise
        os.close(held)
        return _copied(file, target), None


def _descend(root: Path, parts: tuple[str, ...]) -> int:
    if not parts:
        raise FileNotFoundError
    held = os.open(root, _READ | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            deeper = os.open(part, _READ | os.O_DIRECTORY, dir_fd=held)
            os.close(held)
            held = deeper
        # Opening a pipe would wait for who writes to it.
        return os.open(parts[-1], _READ | os.O_NONBLOCK, dir_fd=held)
    finally:
        os.close(held)


def _entry(path: str, found: os.stat_result) -> Entry:
    return Entry(path, found.st_size, _EPOCH + timedelta(microseconds=found.st_mtime_ns // 1000))


def _stamp(file: BufferedReader) -> tuple[int, int]:
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns


def _hashed(file: BinaryIO) -> tuple[dict[str, str], int]:
    """What the legacy upload API's hashes are, by its names, and how long the file is."""
    hashes: dict[str, Any] = {
        "md5": hashlib.md5(usedforsecurity=False),
        "sha256": hashlib.sha256(),
        "blake2_256": hashlib.blake2b(digest_size=32),
    }
    file.seek(0)
    size = 0
    while data := file.read(CHUNK):
        for each in hashes.values():
            each.update(data)
        size += len(data)
    return {name: each.hexdigest() for name, each in hashes.items()}, size


def _copied(file: BinaryIO, target: Path) -> Content:
    """What is hashed is the copy: those are the bytes that are kept."""
    with target.open("r+b") as out:
        _copy(file, out)
        return Content.of(target, *_hashed(out))


def _is_linked(file: BufferedReader, real: Path, target: Path) -> bool:
    """Let the file be `target` as well, in place of what is there; False where that cannot be."""
    beside = target.with_name(f"{uuid4().hex}{target.suffix}")
    try:
        os.link(real, beside, follow_symlinks=False)
    except OSError:  # another file system, or one that has no links, or does not allow this one
        return False
    if not os.path.samestat(beside.stat(), os.fstat(file.fileno())):
        beside.unlink()
        return False
    beside.replace(target)
    return True


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    """Copy all of it, within the file system where that can be: some share the blocks then."""
    copied = 0
    within = getattr(os, "copy_file_range", None)  # Linux
    with suppress(OSError):
        while within and (more := within(source.fileno(), target.fileno(), 1 << 30)):
            copied += more
    source.seek(copied)
    target.seek(copied)
    shutil.copyfileobj(source, target, CHUNK)
    target.flush()


async def _to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Wait for a thread even when cancelled: what it writes to is removed next."""
    running = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        raise


async def _threaded(items: Iterator[T]) -> AsyncIterator[T]:
    def batch() -> list[T]:
        return list(islice(items, BATCH))

    while some := await asyncio.to_thread(batch):
        for each in some:
            yield each


def _gone(path: str) -> NoSuchFile:
    return NoSuchFile(f"{path} is not there any more, or is no plain file")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as e:
        if e.errno in FULL:
            raise StorageFull(
                f"no room for more on the server's disk ({e.strerror}); make some, and go on"
            ) from None
        raise NoSuchFile(f"it cannot be read ({e.strerror})") from None
