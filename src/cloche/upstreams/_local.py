"""Files of this machine, opened below a folder and nowhere else."""

import os
import stat
from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from cloche.core import archive
from cloche.core.errors import BadUpload, NoSuchFile, TooLarge, TransferBroken, UpstreamLies
from cloche.core.filenames import parse
from cloche.core.model import Artifact
from cloche.ports import Transfer

METADATA = ".metadata"
CHUNK = 1 << 20
_READ = os.O_RDONLY | os.O_CLOEXEC
_FOLDER = _READ | os.O_DIRECTORY


@dataclass(frozen=True, slots=True)
class Stamp:
    """By which it is seen that a file is another one now."""

    size: int
    mtime_ns: int
    inode: int

    @property
    def etag(self) -> str:
        return f'"{self.size:x}-{self.mtime_ns:x}-{self.inode:x}"'


@dataclass(frozen=True, slots=True)
class Below:
    """The files below a folder. No symbolic link is followed unless `symlinks` says so."""

    name: str  # of the upstream
    root: Path  # absolute
    symlinks: bool = False

    def open(self, path: str) -> tuple[BufferedReader, Stamp]:
        """Open a plain file by its path, of `/` between names, relative to the root.

        Raise NoSuchFile when there is none, TransferBroken when the root cannot be read.
        """
        folder = self._open_root()
        try:
            number = self._descend(folder, path.split("/"))
        except OSError as e:
            raise NoSuchFile(f"{self.name} has no file {path} ({e.strerror})") from None
        finally:
            os.close(folder)
        return self._checked(os.fdopen(number, "rb"), path)

    def stamp(self, path: str) -> Stamp | None:
        """What the file looks like now; None when there is none."""
        with suppress(OSError):
            found = (self.root / path).stat(follow_symlinks=self.symlinks)
            if stat.S_ISREG(found.st_mode):
                return _stamp(found)
        return None

    def path(self, url: str) -> str:
        """The path to which a `file:` URL leads. Raise UpstreamLies when it leads elsewhere."""
        try:
            parts = urlsplit(url)
            whole = Path(unquote(parts.path))
            inside = whole.relative_to(self.root).parts
        except ValueError:
            raise self._astray() from None
        if parts.scheme != "file" or parts.netloc or not inside or ".." in inside:
            raise self._astray()
        return "/".join(inside)

    def _astray(self) -> UpstreamLies:
        return UpstreamLies(f"{self.name} leads nowhere: to a file that is not below its folder")

    def _open_root(self) -> int:
        try:
            return os.open(self.root, _FOLDER)
        except OSError as e:
            raise TransferBroken(
                f"{self.name} cannot be read: {e.strerror}; see that its folder is there, and that "
                "cloche may read it"
            ) from None

    def _descend(self, folder: int, parts: list[str]) -> int:
        """Name by name: a link that is put in the way meanwhile is refused as well."""
        unfollowed = 0 if self.symlinks else os.O_NOFOLLOW
        held = os.dup(folder)
        try:
            for part in parts[:-1]:
                deeper = os.open(part, _FOLDER | unfollowed, dir_fd=held)
                os.close(held)
                held = deeper
            # Opening a pipe would wait for who writes to it.
            return os.open(parts[-1], _READ | unfollowed | os.O_NONBLOCK, dir_fd=held)
        finally:
            os.close(held)

    def _checked(self, file: BufferedReader, path: str) -> tuple[BufferedReader, Stamp]:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            file.close()
            raise NoSuchFile(f"{self.name} has no file {path}: something else has that name")
        return file, _stamp(found)


def _stamp(found: os.stat_result) -> Stamp:
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ino)


@asynccontextmanager
async def transfer(
    below: Below, artifact: Artifact, start: int, etag: str | None, most: int
) -> AsyncIterator[Transfer]:
    """Open a file below the folder, or what lies in it as metadata, as an upstream's transfer.

    Raise TooLarge beyond `most` bytes.
    """
    file, stamp = await to_thread(_opened, below, artifact)
    try:
        if stamp.size > most:
            raise TooLarge(
                f"{artifact.filename} has more than {most} bytes; raise max_file_bytes of "
                f"[upstream.{below.name}]"
            )
        begin = start if start < stamp.size and etag in {None, stamp.etag} else 0
        chunks = _chunks(file, begin, stamp.size, below.name, artifact.filename)
        yield Transfer(start=begin, total=stamp.size, etag=stamp.etag, chunks=chunks)
    finally:
        file.close()


def _opened(below: Below, artifact: Artifact) -> tuple[BinaryIO, Stamp]:
    """The file; the bytes of its metadata, if those are wanted."""
    if not artifact.filename.endswith(METADATA):
        return below.open(below.path(artifact.url))
    path = below.path(artifact.url).removesuffix(METADATA)
    file, stamp = below.open(path)
    with file:
        raw = metadata(path.rpartition("/")[2], file)
    if raw is None:
        raise NoSuchFile(f"{below.name} has {artifact.filename} no longer")
    return BytesIO(raw), Stamp(len(raw), stamp.mtime_ns, stamp.inode)


def metadata(filename: str, file: BinaryIO) -> bytes | None:
    """What a distribution says of itself; None when its archive has or shows no such thing."""
    try:
        return archive.read(filename, parse(filename), file).metadata
    except BadUpload:
        return None


async def _chunks(
    file: BinaryIO, start: int, stop: int, name: str, filename: str
) -> AsyncIterator[bytes]:
    file.seek(start)
    while start < stop:
        try:
            data = await to_thread(partial(file.read, min(CHUNK, stop - start)))
        except OSError as e:
            raise TransferBroken(f"{name} cannot read {filename}: {e.strerror}") from None
        if not data:
            raise TransferBroken(f"{name} cut {filename} short while it was read; try again")
        start += len(data)
        yield data
