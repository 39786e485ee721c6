"""Who fetched which file: evidence, not state. Nothing that is shown depends on it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from cloche.core.model import Digest, ProjectName


class Fetched(Struct, frozen=True, kw_only=True):
    """That a client was sent a distribution, or the beginning of it."""

    at: datetime
    index: str
    project: ProjectName
    version: str | None  # None where the filename does not tell
    filename: str
    digest: Digest | None  # None where the upstream states no sha256
    who: str | None  # None where anyone may read
    address: str | None
    client: str  # as `core.agents` words it


class Recorded(Struct, frozen=True, kw_only=True):
    """An entry of the access journal."""

    number: int
    fetched: Fetched


class Sought(Struct, frozen=True, kw_only=True):
    """Which entries are meant: those of which all that is given here holds."""

    project: ProjectName | None = None
    version: str | None = None
    filename: str | None = None
    digest: Digest | None = None
    index: str | None = None
    since: datetime | None = None
    before: int | None = None  # older entries than that of this number


class Used(Struct, frozen=True):
    """A file that somebody fetched from an index."""

    index: str
    project: ProjectName
    filename: str
    digest: Digest | None


class Accesses(Protocol):
    """The access journal. Writing to it wakes nobody: it is no news to any page."""

    async def add(self, batch: Sequence[Fetched]) -> None:
        """Record these. They may be lost with the power."""

    async def find(self, sought: Sought, most: int) -> list[Recorded]:
        """What is sought, the newest first."""

    async def after(self, number: int, most: int) -> list[Recorded]:
        """At most so many entries with a greater number, the oldest first."""

    async def used(self, index: str, since: datetime) -> list[Used]:
        """Each file that was fetched from the index since then, once."""

    async def forget(self, before: datetime, most: int) -> int:
        """Remove at most so many entries that are older; return how many there were."""
