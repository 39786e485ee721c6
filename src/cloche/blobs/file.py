"""Blobs as files on a local disk: `file:///path`."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from cloche.core.errors import FULL, BadSetting, NoSuchBlob, StorageFull
from cloche.core.model import Digest
from cloche.ports import Blobs, Spooled, Stored

CHUNK = 256 << 10


def connect(url: str, options: Mapping[str, str]) -> Blobs:
    """Open the store in the folder that the URL names. Raise BadSetting."""
    if options:
        raise BadSetting(f"store.blobs {url} takes no options; remove {', '.join(options)}")
    return _Files(Path(unquote(urlsplit(url).path)))


class _Files:
    def __init__(self, root: Path) -> None:
        self._root = root / "sha256"
        self._tmp = root / "tmp"
        for folder in (self._root, self._tmp):
            folder.mkdir(parents=True, exist_ok=True)

    async def put(self, spooled: Spooled) -> None:
        await asyncio.to_thread(self._put, spooled)

    def _put(self, spooled: Spooled) -> None:
        home = self._path(spooled.digest)
        with _full():
            try:
                os.utime(home)
                spooled.path.unlink()
            except FileNotFoundError:
                home.parent.mkdir(parents=True, exist_ok=True)
                _sync(spooled.path)
                spooled.path.rename(home)
                _sync(home.parent)

    async def size(self, digest: Digest) -> int | None:
        return await asyncio.to_thread(self._size, digest)

    def _size(self, digest: Digest) -> int | None:
        try:
            return self._path(digest).stat().st_size
        except FileNotFoundError:
            return None

    async def read(self, digest: Digest, start: int, stop: int) -> AsyncIterator[bytes]:
        try:
            fd = await asyncio.to_thread(os.open, self._path(digest), os.O_RDONLY)
        except FileNotFoundError:
            raise NoSuchBlob(digest) from None
        try:
            while start < stop:
                data = await asyncio.to_thread(os.pread, fd, min(CHUNK, stop - start), start)
                if not data:
                    return
                start += len(data)
                yield data
        finally:
            os.close(fd)

    async def delete(self, digest: Digest) -> None:
        self._path(digest).unlink(missing_ok=True)

    async def list(self) -> AsyncIterator[Stored]:
        for path in self._root.rglob("*"):
            if path.is_file():
                s = path.stat()
                yield Stored(Digest(path.name), s.st_size, datetime.fromtimestamp(s.st_mtime, UTC))

    async def check(self) -> None:
        pass

    def _path(self, digest: Digest) -> Path:
        return self._root / digest[:2] / digest[2:4] / digest


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def _full() -> Iterator[None]:
    try:
        yield
    except OSError as e:
        if e.errno in FULL:
            raise StorageFull(str(e)) from None
        raise
