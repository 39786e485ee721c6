"""Where a stock lies: a folder of this machine, or a bucket, seen alike."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from cloche.core.errors import BadName
from cloche.core.filenames import parse
from cloche.core.model import Digest
from cloche.ports import Find, Hashed, Left, Lot, Scratch, Spooled, Way

ENDS = re.compile(r"\.(whl|egg|zip|tar|tgz|tar\.(gz|bz2|xz|Z)|exe|msi|rpm)\Z")
"""How the names of distributions end. Whatever ends otherwise is none, and nobody misses it."""

SIGNATURE = ".asc"
CHUNK = 1 << 20


class Entry(Struct, frozen=True, gc=False):
    """A plain file, or what leads to one within the place. The time is in UTC."""

    path: str
    size: int
    modified: datetime

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


class Place(Protocol):
    """Paths have slashes, and begin at the place; what is hidden (`.…`) is not there."""

    passed: int
    """Files that turned out to be no distributions."""

    async def check(self) -> None:
        """Raise BadSetting when it cannot be read."""

    def walk(self, under: str = "") -> AsyncIterator[Entry | Left]:
        """Every file below a folder, in no order, and what cannot be read."""

    def folders(self, under: str) -> AsyncIterator[str]:
        """The names of the folders that lie right in a folder; none where there is no such."""

    async def find(self, path: str) -> Entry | None:
        """A file by its path; None when there is none."""

    async def read(self, path: str, most: int) -> bytes | None: ...

    async def said(self, path: str) -> Mapping[str, str]:
        """What is noted of a file with it, as stores of objects do; nothing in a folder."""

    def taken(
        self, path: str, scratch: Scratch, way: Way
    ) -> AbstractAsyncContextManager[Hashed]: ...

    async def remove(self, path: str) -> None: ...


class Content(Struct, frozen=True):
    """A file whose bytes were hashed where they lie."""

    spooled: Spooled
    digests: dict[str, str]
    data: None = None

    @classmethod
    def of(cls, path: Any, digests: dict[str, str], size: int) -> "Content":
        return cls(Spooled(path, Digest(digests["sha256"]), size), digests)

    @property
    def size(self) -> int:
        return self.spooled.size


def is_distribution(name: str) -> bool:
    """Whether it looks like one: then it is missed if it cannot be brought."""
    return ENDS.search(name) is not None


def lot(place: Place, entry: Entry | Left, **facts: Any) -> Lot | None:
    """A file on its own, with facts of it that are recorded; None if it is no distribution."""
    if isinstance(entry, Left):
        return Lot(left=(entry,))
    if not is_distribution(entry.name):
        place.passed += 1
        return None
    try:
        parse(entry.name)
    except BadName as e:
        return Lot(left=(Left(entry.path, str(e)),))
    return Lot(finds=(found(entry, **facts),))


def found(entry: Entry, **facts: Any) -> Find:
    return Find(
        path=entry.path, filename=entry.name, size=entry.size, modified=entry.modified, **facts
    )


def members(raw: bytes) -> dict[str, Any]:
    """A JSON object; an empty one where there is none."""
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
