"""Bytes by their digest."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

from msgspec import Struct

from cloche.core.model import Digest


@dataclass(frozen=True, slots=True)
class Spooled:
    """A file on local disk whose bytes were hashed as they were written."""

    path: Path
    digest: Digest
    size: int


class Stored(Struct, frozen=True):
    digest: Digest
    size: int
    modified: datetime


class Blobs(Protocol):
    """Bytes by their sha256. Writing twice is harmless; reading never sees half."""

    async def put(self, spooled: Spooled, *, lasting: bool = True) -> None:
        """Keep the bytes under their digest, and take the spooled file away.

        A `lasting` blob survives a loss of power. Another may be cut short by one, or gone; its
        size tells. That is good enough for what is only cached.

        The caller has hashed them. Raise StorageFull, and keep nothing, when they do not fit.
        A blob that is there already becomes as young as a new one (`list`).
        """

    async def keep(self, contents: Mapping[Digest, bytes], *, lasting: bool = True) -> None:
        """Keep bytes that are in memory, as `put` does those that are on disk.

        Several that belong together cost less than one by one.
        """

    async def size(self, digest: Digest) -> int | None:
        """Bytes, or None when there is no such blob."""

    def read(self, digest: Digest, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Bytes `start` up to `stop`. Raise NoSuchBlob before the first chunk."""

    async def delete(self, digest: Digest, *, before: datetime | None = None) -> bool:
        """Forget the bytes; harmless when there are none. Return whether they are gone.

        With `before`, only if they were last put before then: what somebody puts again just now
        stays. (Object stores leave a moment of one request in which that is not seen.)
        """

    def list(self) -> AsyncIterator[Stored]:
        """Every blob, in no order, without holding them all in memory."""

    async def check(self) -> None:
        """Raise an Error that says cause and cure when the store cannot be used."""


class Opened(Protocol):
    """A blob whose bytes stay to be had, whoever deletes it, until it is closed."""

    def fill(self, buffer: bytearray | memoryview, start: int) -> int:
        """Put bytes from `start` on into the buffer: as many as need not be waited for."""

    def close(self) -> None: ...


@runtime_checkable
class AtHand(Protocol):
    """A store whose bytes may lie in the memory of this machine. The same as its `Blobs`."""

    def opened(self, digest: Digest, size: int) -> Opened | None:
        """The blob, if it is there with so many bytes; None also when that cannot be told now."""
