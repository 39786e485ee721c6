"""This node's scratch disk: uploads on their way in, downloads that grow, locks between workers.

Locks are the kernel's: a process that dies, however it dies, gives its locks back, so that a file
nobody has locked is nobody's any more. Nothing here outlives its purpose: what is left behind by
a crash is resumed or swept.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Protocol, Self
from uuid import uuid4

import msgspec

from cloche.core.errors import BadSetting
from cloche.core.model import HASH_LENGTHS, Digest
from cloche.ports import Growth, Note, Spooled
from cloche.spool.disk import to_the_end, translated, write_all
from cloche.spool.locks import Lock, Locks, abandoned, create_locked

ALGORITHMS = frozenset(HASH_LENGTHS)
LOCK_POLL = 0.02  # seconds: between two looks at a lock that another process holds
REHASH_CHUNK = 1 << 20
FEW = 1 << 20  # bytes: fewer stay in memory, where a form's reader has gathered as many anyhow
QUICK = 64 << 10  # bytes that are hashed sooner than a thread is woken


class Hasher(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


class Spool:
    """Files and locks under one folder, shared by the workers of a node."""

    def __init__(self, root: Path) -> None:
        self._uploads = root / "uploads"
        self._downloads = root / "downloads"
        try:
            for folder in (self._uploads, self._downloads):
                folder.mkdir(parents=True, exist_ok=True)
            self._locks = Locks(root / "locked")
        except OSError as e:
            raise BadSetting(
                f"{root} cannot be used ({e.strerror}); give a folder that can be written, "
                "with --data"
            ) from None

    def scratch(self) -> "Scratch":
        """Open a new file for an upload."""
        return Scratch(self._uploads)

    def partial(self, key: str) -> "Partial":
        """The download named `key`, as far as it has come."""
        return Partial(self._downloads / key, self._locks)

    @asynccontextmanager
    async def lock(self, name: str) -> AsyncIterator[None]:
        """Keep everybody else on this node out of `name` meanwhile."""
        while not self._locks.take(name):  # noqa: ASYNC110 - another process sets no Event
            await asyncio.sleep(LOCK_POLL)
        try:
            yield
        finally:
            self._locks.drop(name)

    @contextmanager
    def claim(self, name: str) -> Iterator[bool]:
        """Keep everybody else on this node out of `name` meanwhile, unless somebody is there."""
        taken = self._locks.take(name)
        try:
            yield taken
        finally:
            if taken:
                self._locks.drop(name)

    async def sweep(self, older_than: float) -> int:
        """Remove what crashed processes left, unless somebody works on it; return how much.

        A download is worth resuming for `older_than` seconds, an upload never is.
        """
        return await asyncio.to_thread(self._sweep, time.time() - older_than)

    def _sweep(self, before: float) -> int:
        with translated():
            dead = [path for path in self._uploads.iterdir() if abandoned(path)]
            parts = {path.stem for path in self._downloads.iterdir()}
            old = [key for key in parts if self.partial(key).expire(before)]
            return len(dead) + len(old)


class _Hashed:
    """A file of which the bytes are hashed as they are written."""

    _path: Path

    def __init__(self) -> None:
        self._hashes: dict[str, Hasher] = {}
        self.size = 0

    @property
    def digests(self) -> dict[str, str]:
        """Of what was written so far, by their names; an upload's are those of its legacy API."""
        return {name: each.hexdigest() for name, each in self._hashes.items()}

    @property
    def spooled(self) -> Spooled:
        return Spooled(self._path, Digest(self._hashes["sha256"].hexdigest()), self.size)

    def _update(self, data: bytes) -> None:
        for each in self._hashes.values():
            each.update(data)


class Scratch(_Hashed):
    """An upload's bytes, hashed as they come. Use as a context: what is not taken is removed.

    They are in memory until they are many, or somebody wants a file of them.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._few: bytearray | None = bytearray()
        self._held: Lock | None = None
        self._hashes = {
            "md5": hashlib.md5(usedforsecurity=False),
            "sha256": hashlib.sha256(),
            "blake2_256": hashlib.blake2b(digest_size=32),
        }

    @property
    def data(self) -> bytes | None:
        """All of it, unless it has come to the disk."""
        return None if self._few is None else bytes(self._few)

    @property
    def spooled(self) -> Spooled:
        """Where it is on the disk; it is written there first if need be. Raise StorageFull."""
        self._spill()
        return super().spooled

    async def write(self, data: bytes) -> None:
        """Append. Raise StorageFull."""
        if self._few is not None and len(data) <= QUICK and self.size + len(data) < FEW:
            self._write(data)
        else:
            await to_the_end(self._write, data)

    def _write(self, data: bytes) -> None:
        if self._few is not None and self.size + len(data) < FEW:
            self._few += data
        else:
            write_all(self._spill().fd, data, self.size)
        self._update(data)
        self.size += len(data)

    def _spill(self) -> Lock:
        """Have all that has come on the disk."""
        while self._held is None:  # a sweep may look at it in this very moment
            self._path = self._folder / f"{uuid4().hex}.upload"
            self._held = create_locked(self._path)
        if self._few is not None:
            write_all(self._held.fd, self._few, 0)
            self._few = None
        return self._held

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._held is not None:
            self._held.drop()


class Partial(_Hashed):
    """A file being fetched. One process of the node writes it; the others read along."""

    def __init__(self, base: Path, locks: Locks) -> None:
        super().__init__()
        self._path = base.with_suffix(".part")
        self._name = f"download {base.name}"
        self._note_path = base.with_suffix(".note")
        self._locks = locks
        self._claimed = False
        self._fd = -1

    def claim(self) -> bool:
        """Become the writer, unless another process is."""
        self._claimed = self._claimed or self._locks.take(self._name)
        return self._claimed

    async def start(self, algorithms: set[str], *, resume: bool) -> Note | None:
        """Open for writing; return the note of the attempt that is being resumed, if any."""
        return await to_the_end(self._start, algorithms, resume)

    def _start(self, algorithms: set[str], resume: bool) -> Note | None:  # noqa: FBT001 - behind a thread
        if not resume and self.begun:
            self.discard()
        with translated():
            fresh = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if self._fd >= 0 and not os.path.sameopenfile(self._fd, fresh):
            self.size = 0
        self._reopen(fresh)
        self._hashes = {name: hashlib.new(name) for name in {"sha256", *algorithms} & ALGORITHMS}
        self.size = self._rehash()
        return self._read_note() if self.size else None

    def _reopen(self, fd: int) -> None:
        """Let what was open be `fd`, under its old number: somebody may be reading just now."""
        if self._fd < 0:
            self._fd = fd
        else:
            os.dup2(fd, self._fd, inheritable=False)
            os.close(fd)

    def _rehash(self) -> int:
        position = 0
        while data := os.pread(self._fd, REHASH_CHUNK, position):
            self._update(data)
            position += len(data)
        return position

    @property
    def begun(self) -> bool:
        """Whether anything of it is there, from this process or an earlier one."""
        return self._path.exists()

    async def note(self, note: Note) -> None:
        """Write down what resuming, in whatever process, will need to know."""
        await to_the_end(self._write_note, note)

    def _write_note(self, note: Note) -> None:
        scratch = self._note_path.with_suffix(".note-new")
        with translated():
            scratch.write_bytes(msgspec.json.encode(note))
            scratch.rename(self._note_path)

    def _read_note(self) -> Note | None:
        try:
            return msgspec.json.decode(self._note_path.read_bytes(), type=Note)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    async def write(self, data: bytes) -> None:
        """Append. Raise StorageFull."""
        await to_the_end(self._write, data)

    def _write(self, data: bytes) -> None:
        write_all(self._fd, data, self.size)
        self._update(data)
        self.size += len(data)

    def growth(self) -> Growth:
        """How far the writer, in another process, has come."""
        if self._fd < 0:
            try:
                self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return Growth(0, None, same=True)
        before, self.size = self.size, os.fstat(self._fd).st_size
        note = self._read_note()
        # What is finished is taken away too, and remains readable: only `discard` empties it.
        return Growth(self.size, note.total if note else None, same=self.size >= before)

    def read(self, start: int, most: int) -> bytes:
        """Read bytes that are there already: in memory still, as they were written just now."""
        return os.pread(self._fd, most, start) if self._fd >= 0 else b""

    def discard(self) -> None:
        """Throw away what has come. Emptied first, so that whoever reads along notices."""
        with suppress(FileNotFoundError):
            os.truncate(self._path, 0)
        self._path.unlink(missing_ok=True)
        self._note_path.unlink(missing_ok=True)

    def release(self) -> None:
        """Stop being the writer: finished, or leaving it to be resumed."""
        if not self._claimed:
            return
        if self._fd >= 0 and self.size == 0:
            self._path.unlink(missing_ok=True)
        if not self._path.exists():
            self._note_path.unlink(missing_ok=True)
        self._claimed = False
        self._locks.drop(self._name)

    def expire(self, before: float) -> bool:
        """Discard if nobody works on it and it was last written `before`; say whether."""
        if not self.claim():
            return False
        try:
            if self._path.exists() and self._path.stat().st_mtime >= before:
                return False
            self._note_path.with_suffix(".note-new").unlink(missing_ok=True)
            self.discard()
            return True
        finally:
            self.release()

    def close(self) -> None:
        """Let go of the open file. Call when no reader is left."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
