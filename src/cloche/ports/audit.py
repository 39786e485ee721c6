"""Whether what is kept is what it was: bytes against digests, rows against bytes."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import Literal, Protocol

from msgspec import Struct

from cloche.core.model import Digest, FileKey, ProjectName
from cloche.ports.blobs import Stored

Part = Literal["upload", "beside", "documentation", "held"]
"""Which row needs bytes: an upload, what lies beside one, documentation, an upstream's file."""


class Need(Struct, frozen=True, kw_only=True):
    """A row that needs bytes. `place` is the name of an index or of an upstream."""

    digest: Digest
    part: Part
    place: str
    project: ProjectName
    filename: str
    size: int | None  # None where the row does not say
    key: FileKey | None = None  # of an upstream's file


class Verified(Struct, frozen=True, kw_only=True):
    """That a blob had the right bytes `at` a time, when its store said this of it."""

    digest: Digest
    size: int
    modified: datetime
    at: datetime


class Spoilt(Struct, frozen=True, kw_only=True):
    """A kept page of an upstream that is not what was received."""

    number: int
    upstream: str
    project: ProjectName
    why: str


class Inspection(Protocol):
    """A blob store as somebody sees it who trusts nothing it says. The same as its `Blobs`."""

    def stored(self, shard: str) -> AsyncIterator[Stored]:
        """The blobs whose digest begins with these two hexadecimal digits, in no order."""

    async def hashed(self, digests: Sequence[Digest]) -> Sequence[Digest | None]:
        """What the bytes of each really are; None where there is no such blob.

        Raise StorageDown when they cannot be read.
        """

    async def set_aside(self, digest: Digest) -> str:
        """Move the bytes to where nobody takes them for a blob; return where that is."""


class Audit(Protocol):
    """What rows say of blobs, which blobs were verified, and whether pages are well."""

    async def needs(self, shard: str, places: Collection[str] | None) -> list[Need]:
        """The rows that need a blob whose digest begins so; of these places, or of all."""

    async def verified(self, shard: str) -> dict[Digest, Verified]:
        """The blobs whose digest begins so that were verified, and when."""

    async def note(self, well: Sequence[Verified], gone: Sequence[Digest]) -> None:
        """Record these as verified, and forget those. May be lost with the power."""

    async def spoilt(
        self, after: int, most: int, before: datetime, places: Collection[str] | None, at: datetime
    ) -> tuple[int, int, list[Spoilt]]:
        """Read at most so many pages that were not verified since `before`, numbered above `after`.

        Return the number of the last of them (0: there was none), how many, and which are unwell;
        the others count as verified `at` that time.
        """

    async def forget_page(self, number: int) -> None:
        """Forget a kept page: its upstream is asked anew, as if it never had been."""

    async def forget_held(self, need: Need) -> None:
        """Forget that an upstream's file is kept, if it is still kept as these bytes."""
