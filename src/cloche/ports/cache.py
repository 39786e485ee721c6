"""What upstreams said, and what is kept of theirs: evictable."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from cloche.core import backfill
from cloche.core.known import Facts, Need
from cloche.core.model import FileKey, Held, ProjectName
from cloche.ports.upstreams import Document


class Kept(Struct, frozen=True, kw_only=True):
    """The newest document that an upstream sent about a project, and how fresh it is."""

    document: Document
    serial: int  # of the journal entry that brought it
    etag: str | None
    first_seen: datetime
    checked_at: datetime
    fresh_until: datetime


class KeptPages(Protocol):
    """What upstreams said, and the files of theirs that are kept, as it is read."""

    async def recall(self, upstream: str, project: ProjectName) -> Kept | None:
        """The newest document, or None when none is kept or the project is gone upstream."""

    async def projects(self, upstream: str) -> list[ProjectName]:
        """The projects of which a document is kept, sorted."""

    async def held(self, upstream: str, key: FileKey, filename: str) -> Held | None:
        """What is kept of one upstream file, or of its `.metadata`."""


class PageStore(KeptPages, Protocol):
    """What upstreams said, and the files of theirs that are kept. Evictable."""

    async def keep(self, upstream: str, project: ProjectName, kept: Kept) -> int:
        """Keep a document, once for each distinct content, and journal it if it is new.

        `kept.serial` is ignored: the entry's serial is returned. At most 100 older
        documents of a project are kept, besides the first.
        """

    async def touch(
        self, upstream: str, project: ProjectName, checked_at: datetime, fresh_until: datetime
    ) -> None:
        """The upstream says that nothing has changed."""

    async def gone(self, upstream: str, project: ProjectName, at: datetime) -> None:
        """The upstream says that it has the project no more; journaled if one was kept."""

    async def hold(self, held: Held, *, news: bool = False) -> None:
        """Record that an upstream's bytes are kept as a blob; again is harmless.

        With `news` their project's page says more from now on: journaled, unless it did before.
        """


class Found(Protocol):
    """What this server found out itself about files of which an upstream says too little."""

    async def kept(self, upstream: str, project: ProjectName) -> backfill.Kept:
        """Digest and size of all that is held of the project's files."""

    async def seen(self, upstream: str, project: ProjectName) -> backfill.Seen:
        """When files of the project were first seen. Outlives the documents that listed them."""


class Findings(Found, Protocol):
    async def see(
        self, upstream: str, project: ProjectName, sightings: Collection[str], at: datetime
    ) -> None:
        """Record when these were first seen; what was seen before stays as it is.

        Of files that are listed no longer at most 10,000 a project are remembered.
        """


class Holdings(Protocol):
    """The files of upstreams that are kept, by project."""

    async def files(self, upstream: str, project: ProjectName) -> list[Held]:
        """Every kept file and `.metadata` of the project, the first kept first."""

    async def projects(self, upstream: str) -> list[ProjectName]:
        """The projects of which a distribution is kept, sorted."""


class FactStore(Protocol):
    """What files told when they were looked at. Evictable.

    A place is the name of an index or of an upstream: what one says of a file binds no other.
    """

    async def recall(self, place: str, project: ProjectName, need: Need) -> dict[FileKey, Facts]:
        """All that is remembered of the project's files."""

    async def keep(
        self, place: str, project: ProjectName, need: Need, found: Mapping[FileKey, Facts]
    ) -> None:
        """Remember it, in place of what was remembered. At most 10,000 files a project."""


class Absences(Protocol):
    """That upstreams did not have projects for which others answered. Evictable."""

    async def note(self, upstream: str, project: ProjectName, at: datetime) -> bool:
        """Remember that the upstream says it has no such project; return whether that is news.

        It is none of what was ever seen there, or is noted already.
        """

    async def noted(self, upstream: str, project: ProjectName) -> bool:
        """Whether that was remembered, or the journal says that it was there and is gone."""


class Expiry(Protocol):
    """Having an upstream asked before what it said has lost its time."""

    async def expire(
        self, upstream: str, project: ProjectName | None, at: datetime, who: str
    ) -> bool:
        """Have what every process remembers of the upstream forgotten; journaled.

        Take the kept page of the project for stale from `at` on. Return whether there is one.
        """

    async def expired(self, upstream: str) -> int:
        """The serial of the newest entry that wishes so; 0 if there is none."""
