"""A bundle, written: first what it will be, in a folder beside it, then its bytes, in parts.

Who is interrupted goes on from there: what is planned stays planned, what is written is compared.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import zstandard

from cloche.bundles.archive import Archive
from cloche.bundles.keys import Signer
from cloche.bundles.parts import CHUNK, Parts, found, part
from cloche.core import bundles
from cloche.core.bundles import END, HEADER, MANIFEST, SEAL, Entry, Header, Member, Origin, Sealed
from cloche.core.errors import FULL, BadSetting, StorageDown, StorageFull

LEVEL = 10
"""Of compression: pages are small beside files, and are packed once."""

_MANIFEST, _PAGES, _HEAD, _ASKED = "manifest", "pages", "head", "asked"
_LACKED, _DONE = "lacked", "done"


class Bench:
    """The folder in which one process at a time makes a bundle. Use `opened`."""

    def __init__(self, target: Path, split: int | None) -> None:
        self.target = target
        self.folder = target.with_name(f"{target.name}.making")
        self._split = split

    @contextmanager
    def opened(self, asked: bytes) -> Iterator[None]:
        """Keep others out; what was begun for something else than is `asked` is thrown away.

        Raise BadSetting when another process is at it, or the bundle is there already.
        """
        with translated(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                self._lock(lock)
                self._begin(asked)
                yield
            finally:
                os.close(lock)

    def _lock(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
            raise BadSetting(
                f"process {who} makes {self.target} already; wait for it, or name another file"
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)

    def _begin(self, asked: bytes) -> None:
        known = self.folder / _ASKED
        if known.exists() and known.read_bytes() == asked:
            return
        self.forget()
        for path in (self.target, part(self.target, 1)):
            if path.exists():
                with_it = path.name
                raise BadSetting(f"{with_it} is there already; remove it, or name another file")
        known.write_bytes(asked)

    def forget(self) -> None:
        """Throw away what was planned and written."""
        for path in self.folder.iterdir():
            if path.name != "lock":
                path.unlink()

    @property
    def planned(self) -> bool:
        """Whether it is known what the bundle will be."""
        return (self.folder / _HEAD).exists()

    @property
    def written(self) -> bool:
        """Whether all of it is written, and need only get its name."""
        return (self.folder / _DONE).exists()

    @property
    def plan(self) -> Archive:
        """What the bundle will be: its head."""
        return Archive([self.folder / _HEAD])

    def draft(self) -> "Draft":
        return Draft(self.folder)

    def output(self) -> "Output":
        return Output(self.folder, self._split)

    def publish(self) -> list[Path]:
        """Give the parts their names; the folder goes."""
        with translated(self.folder):
            (self.folder / _DONE).touch()
            # The last one first: who is interrupted finds those that are left in their order.
            for at, path in reversed([*enumerate(self.output().paths(), 1)]):
                path.rename(part(self.target, at) if self._split else self.target)
            _sync(self.target.parent)
            shutil.rmtree(self.folder)
        return found([self.target])

    def note(self, lacked: bytes) -> None:
        """Remember what could not be had, until it is told at the end."""
        (self.folder / _LACKED).write_bytes(lacked)

    @property
    def lacked(self) -> bytes:
        return (self.folder / _LACKED).read_bytes()


class Draft:
    """The manifest and the pages as they come, project by project in their order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._manifest = (folder / _MANIFEST).open("wb")
        self._pages = (folder / _PAGES).open("wb")
        self._packer = zstandard.ZstdCompressor(level=LEVEL)
        self._packing = zstandard.ZstdCompressor(level=LEVEL).compressobj()
        self._seen = hashlib.sha256()
        self._counts = dict.fromkeys(("projects", "pages", "files", "size", "rest"), 0)

    def add(self, entry: Entry, body: bytes | None) -> Entry:
        """Take a project up; its page goes along if there is one. Return the manifest's line."""
        packed = self._packer.compress(body) if body is not None else b""
        if body is not None:
            sha256 = hashlib.sha256(packed).hexdigest()
            entry = Entry(
                project=entry.project,
                sha256=entry.sha256,
                size=entry.size,
                packed=len(packed),
                packed_sha256=sha256,
                files=entry.files,
            )
        with translated(self._folder):
            self._pages.write(packed)
            self._write(self._packing.compress(bundles.line(entry)))
        here = list(bundles.here(entry))
        for name, more in (
            ("projects", 1),
            ("pages", int(body is not None)),
            ("files", len(here)),
            ("size", sum(each.size for each in here)),
            ("rest", bundles.weight(entry)),
        ):
            self._counts[name] += more
        return entry

    @property
    def empty(self) -> bool:
        return not self._counts["projects"]

    def finish(self, origin: Origin, base: str | None, signer: Signer | None) -> None:
        """From here on it is known what the bundle will be."""
        with translated(self._folder):
            self._write(self._packing.flush())
            size = self._manifest.tell()
            for file in (self._manifest, self._pages):
                file.flush()
                os.fsync(file.fileno())
            self.close()
            header = bundles.encoded(
                Header(
                    index=origin.index,
                    serial=origin.serial,
                    at=origin.at,
                    base=base,
                    manifest=self._seen.hexdigest(),
                    manifest_size=size,
                    **self._counts,
                )
            )
            seal = bundles.encoded(signer.seal(header) if signer else Sealed())
            self._save(header, seal, size)

    def close(self) -> None:
        self._manifest.close()
        self._pages.close()

    def _save(self, header: bytes, seal: bytes, size: int) -> None:
        scratch = self._folder / "head-new"
        with scratch.open("wb") as out:
            for name, data in ((HEADER, header), (SEAL, seal)):
                out.write(bundles.head(name, len(data)) + data + bytes(bundles.padding(len(data))))
            out.write(bundles.head(MANIFEST, size))
            with (self._folder / _MANIFEST).open("rb") as manifest:
                shutil.copyfileobj(manifest, out, CHUNK)
            out.flush()
            os.fsync(out.fileno())
        scratch.rename(self._folder / _HEAD)

    def _write(self, data: bytes) -> None:
        self._manifest.write(data)
        self._seen.update(data)


class Output:
    """The bytes of the archive, cut into parts of one size."""

    def __init__(self, folder: Path, split: int | None) -> None:
        self._folder = folder
        self._split = split
        self._open: dict[int, BinaryIO] = {}
        self.at = 0

    def paths(self) -> list[Path]:
        found: list[Path] = []
        while (one := part(self._folder / "part", len(found) + 1)).exists():
            found.append(one)
        return found

    def begin(self, plan: Archive) -> None:
        """Write all that goes before the files."""
        size = plan.header.manifest_size
        self._copy(_HEAD, plan.head_size)
        self.write(bytes(bundles.padding(size)))
        with (self._folder / _PAGES).open("rb") as pages:
            for entry in plan.entries():
                if entry.packed:
                    data = pages.read(entry.packed)
                    self.write(bundles.head(bundles.page_name(entry), len(data)))
                    self.write(data + bytes(bundles.padding(len(data))))

    def _copy(self, name: str, size: int) -> None:
        with (self._folder / name).open("rb") as file:
            while size and (data := file.read(min(CHUNK, size))):
                self.write(data)
                size -= len(data)

    def has(self, member: Member, head: bytes) -> bool:
        """Whether the member stands here already, from an earlier run; then it is passed over."""
        size = len(head) + member.size + bundles.padding(member.size)
        with Parts(self.paths()) as parts:
            if parts.size < self.at + size:
                return False
            parts.seek(self.at)
            seen, left = hashlib.sha256(), member.size
            if parts.exactly(len(head)) != head:
                return False
            while left:
                chunk = parts.exactly(min(CHUNK, left))
                left -= len(chunk)
                seen.update(chunk)
            if any(parts.exactly(bundles.padding(member.size))):
                return False
        if seen.hexdigest() != member.sha256:
            return False
        self.at += size
        return True

    def write(self, data: bytes) -> None:
        """Write behind what was written last. Raise StorageFull."""
        view = memoryview(data)
        with translated(self._folder):
            while view:
                number, start = divmod(self.at, self._split) if self._split else (0, self.at)
                room = self._split - start if self._split else len(view)
                file = self._part(number)
                file.seek(start)
                written = file.write(view[:room])
                self.at, view = self.at + written, view[written:]

    def finish(self) -> None:
        """Write the end; from here on all of it is on the disk."""
        self.write(END)
        last, stop = divmod(self.at, self._split) if self._split else (0, self.at)
        with translated(self._folder):
            self._part(last).truncate(stop) if stop else None
            for path in self.paths()[last + bool(stop) :]:
                path.unlink()
            self.close()
            for path in self.paths():
                _sync(path)

    def close(self) -> None:
        for file in self._open.values():
            file.close()
        self._open.clear()

    def _part(self, number: int) -> BinaryIO:
        if number not in self._open:
            self.close()
            path = part(self._folder / "part", number + 1)
            path.touch()
            self._open[number] = path.open("r+b")
        return self._open[number]


def keep_head(archive: Archive, paths: list[Path], folder: Path) -> None:
    """Keep what a bundle said, by which the next one can stand on it."""
    with translated(folder):
        folder.mkdir(parents=True, exist_ok=True)
        scratch = folder / f"{archive.identity}.new"
        with Parts(paths) as parts, scratch.open("wb") as out:
            left = archive.head_size
            while left:
                data = parts.exactly(min(CHUNK, left))
                out.write(data)
                left -= len(data)
            out.flush()
            os.fsync(out.fileno())
        scratch.rename(folder / archive.identity)


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        if e.errno in FULL:
            raise StorageFull(
                f"no room for more on the disk of {folder} ({e.strerror}); make some, and run it "
                "again to go on"
            ) from None
        raise StorageDown(
            f"{folder} cannot be written ({e.strerror}); see that the folder is there, and who "
            "owns it"
        ) from None


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
