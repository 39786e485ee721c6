"""What is uploaded here, and what is said of it: never evicted."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypeVar

from msgspec import Struct

from cloche.core.index import Ways
from cloche.core.journal import Event
from cloche.core.marks import Marks, Part
from cloche.core.model import DocFile, ProjectName, Status, Upload
from cloche.core.policy import Admission

T = TypeVar("T")

NO_DETAIL: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Changes:
    """What the journal says: its newest serial, and the newest of each (place, project) named.

    A place is the name of an index or of an upstream.
    """

    serial: int
    named: Mapping[tuple[str, ProjectName], int]


class Own(Struct, frozen=True, kw_only=True):
    """What an index itself has of a project, and says of it."""

    uploads: tuple[Upload, ...] | None  # None: there never was one; empty: all are deleted
    marks: Marks = Marks()
    admissions: tuple[Admission, ...] = ()  # past its rules; those whose time is over, too
    serial: int = 0  # of the newest entry about all three, or about the rules of the index


class Records(Protocol):
    """What indexes have themselves, as it is read."""

    async def own(self, index: str, project: ProjectName) -> Own:
        """Own uploads in their order, marks and admissions, in one question."""

    async def files(self, index: str, project: ProjectName) -> list[Upload]:
        """In the order of their upload. Raise NoSuchProject when the index never had any."""

    async def projects(self, index: str) -> list[ProjectName]:
        """The projects of which the index has uploads, sorted."""

    async def admitted(self, index: str, now: datetime) -> dict[ProjectName, datetime]:
        """The projects of which anything is let past the index's rules, and how long at most."""

    async def changes(self, since: int) -> Changes:
        """What the journal names after `since`."""


class Ledger(Records, Protocol):
    """Uploads and the journal: never evicted, and every change numbered by a serial."""

    async def publish(self, upload: Upload, detail: Mapping[str, Any] = NO_DETAIL) -> bool:
        """Record an upload, its journal entry with this detail, and nothing if anything fails.

        It is yanked if all of its version is. Return False when the very same bytes are there
        already under that name. Raise FileExists when other bytes hold the filename, or held it
        before they were deleted, Forbidden when the project takes no uploads (PEP 792).
        """


class Deed(Struct, frozen=True, kw_only=True):
    """Who did something, when and why."""

    who: str
    at: datetime
    reason: str = ""


class Entry(Struct, frozen=True, kw_only=True):
    """An entry of the journal."""

    serial: int
    at: datetime
    who: str
    action: str
    version: str | None
    filename: str | None
    detail: dict[str, Any]


class Entries(Protocol):
    """What happened, as it is read."""

    async def journal(self, index: str, project: ProjectName, since: int, most: int) -> list[Entry]:
        """At most `most` entries about the project in this index after serial `since`."""


class Stewardship(Entries, Protocol):
    """Changing what was uploaded, and what an index says of projects.

    Each change is one transaction with its journal entries; one that changes nothing has none.
    """

    async def yank(self, part: Part, deed: Deed, *, yanked: bool) -> None:
        """Yank own uploads, or take that back. Raise NoSuchFile when the part has none."""

    async def mark(self, part: Part, deed: Deed, *, yanked: bool | None) -> None:
        """Say that files of the index's sources are yanked, or are not; None: say nothing.

        Of a version, this takes the place of what was said of its single files.
        """

    async def delete(self, part: Part, deed: Deed) -> list[str]:
        """Take own uploads away, and return their names, which stay taken. Raise NoSuchFile."""

    async def declare(
        self, index: str, project: ProjectName, status: Status | None, deed: Deed
    ) -> None:
        """Give a project a status of the index's own; None: leave it to the source."""


Opening = Literal["project", "version"]
Survey = Iterator[tuple[ProjectName, int]]
"""Projects, each with the serial of its last change."""


class Journal(Protocol):
    """The record of every change, as it is read: entries that name a project, by their places.

    A place is the name of an index or of an upstream.
    """

    async def newest(self, places: Sequence[str]) -> int:
        """The serial of the newest entry, or of their newest rules; 0 when there is none."""

    async def events(self, places: Sequence[str], since: int, most: int) -> list[Event]:
        """The first so many after the serial `since`, the oldest first."""

    async def before(self, at: datetime) -> int:
        """The newest serial that is older than this, of any place; 0 when there is none."""

    async def uploaded_by(self, places: Sequence[str], who: str) -> list[ProjectName]:
        """The projects of which somebody uploaded anything, sorted."""

    async def openings(self, places: Sequence[str], of: Opening, most: int) -> list[Event]:
        """The last so many projects or versions that began, the newest first."""

    async def standings(
        self, ways: Ways, projects: Collection[ProjectName]
    ) -> dict[ProjectName, int | None]:
        """The serial of each project's last change, or None for one that is not there to show."""

    async def survey(self, ways: Ways, take: Callable[[Survey], T]) -> T:
        """Let `take`, in a thread, see every project that is there to show, sorted by name."""


class Documentation(Protocol):
    """Which files make a project's documentation. An index has one of each of its projects."""

    async def replace(
        self, index: str, project: ProjectName, files: Sequence[DocFile], *, at: datetime, who: str
    ) -> None:
        """Put these in place of what there was, all or nothing, and journal it."""

    async def find(self, index: str, project: ProjectName, path: str) -> DocFile | None: ...
