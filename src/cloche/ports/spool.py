"""This node's scratch disk: what is on its way in."""

from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, Self

from msgspec import Struct

from cloche.ports.blobs import Spooled


class Note(Struct, frozen=True, kw_only=True):
    """What it takes to resume a transfer, in this process or the next."""

    total: int | None
    etag: str | None


@dataclass(frozen=True, slots=True)
class Growth:
    """How far a download has come; `same` is False when what was read is no longer it."""

    size: int
    total: int | None
    same: bool


class Hashed(Protocol):
    """A file on this machine's disk or, while it is small, in memory, and what it hashes to."""

    @property
    def digests(self) -> dict[str, str]:
        """md5, sha256 and blake2_256, in hexadecimal."""

    @property
    def size(self) -> int: ...

    @property
    def data(self) -> bytes | None:
        """All of it, if it is in memory."""

    @property
    def spooled(self) -> Spooled:
        """Where it is on the disk; it is written there first if need be. Raise StorageFull."""


class Scratch(Hashed, Protocol):
    """An upload's bytes, hashed as they come. What is not taken is removed on exit."""

    size: int

    async def write(self, data: bytes) -> None:
        """Append. Raise StorageFull."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Partial(Protocol):
    """A file being fetched. One process of the node writes it; the others read along."""

    size: int

    def claim(self) -> bool:
        """Become the writer, unless another process is."""

    async def start(self, algorithms: set[str], *, resume: bool) -> Note | None:
        """Open for writing; return the note of the attempt that is being resumed, if any."""

    @property
    def begun(self) -> bool:
        """Whether anything of it is there, from this process or an earlier one."""

    async def note(self, note: Note) -> None:
        """Write down what resuming will need to know."""

    async def write(self, data: bytes) -> None:
        """Append. Raise StorageFull."""

    def growth(self) -> Growth:
        """How far the writer, in another process, has come."""

    def read(self, start: int, most: int) -> bytes:
        """Read bytes that are there already."""

    @property
    def digests(self) -> dict[str, str]: ...

    @property
    def spooled(self) -> Spooled: ...

    def discard(self) -> None:
        """Throw away what has come. Emptied first, so that whoever reads along notices."""

    def release(self) -> None:
        """Stop being the writer: finished, or leaving it to be resumed."""

    def close(self) -> None:
        """Let go of the open file. Call when no reader is left."""


class Spool(Protocol):
    """This node's scratch disk, shared by its workers."""

    def scratch(self) -> Scratch:
        """Open a new file for an upload."""

    def partial(self, key: str) -> Partial:
        """The download named `key`, as far as it has come."""

    def lock(self, name: str) -> AbstractAsyncContextManager[None]:
        """Keep everybody else on this node out of `name` meanwhile."""

    def claim(self, name: str) -> AbstractContextManager[bool]:
        """Keep everybody else on this node out of `name` meanwhile, unless somebody is there.

        False if somebody is.
        """

    async def sweep(self, older_than: float) -> int:
        """Remove what crashed processes left; return how many files."""
