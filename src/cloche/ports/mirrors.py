"""Bringing an upstream's projects ahead of need: which there are, and how far that has come."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from msgspec import Struct

from cloche.core.mirrors import Difference, Mirrored
from cloche.core.model import FileKey, Held, ProjectName


class Rolled(Struct, frozen=True, kw_only=True):
    """An upstream's list of its projects, each with its serial: 0 where none is told."""

    projects: Mapping[ProjectName, int]
    serial: int = 0  # of the newest change of any
    etag: str | None = None


@runtime_checkable
class Roll(Protocol):
    """An upstream that can say which projects it has."""

    async def roll(self, etag: str | None) -> Rolled | None:
        """The whole list; None for "as before" (304). One request.

        Raise NoSuchProject when the upstream has no list; UpstreamDown and UpstreamLies as
        `Upstream.page` does.
        """


class Mirroring(Struct, frozen=True, kw_only=True):
    """One upstream's mirror, as it was recorded last."""

    etag: str | None = None  # of the list of projects
    serial: int = 0  # of that list
    projects: int = 0  # on that list
    policy: str = ""  # what was wanted, so that a change of that is noticed
    journal: int = 0  # the entry up to which was looked for what else changed
    listed_at: datetime | None = None
    until: datetime | None = None  # when rules would choose other names of the same list
    complete_serial: int = 0  # up to which every project was looked at
    complete_at: datetime | None = None


class Failure(Struct, frozen=True, kw_only=True):
    """A file that could not be had."""

    project: ProjectName
    filename: str
    cause: str
    at: datetime


class Settled(Struct, frozen=True, kw_only=True):
    """What became of one project; `row` None: it is no longer of the mirror."""

    project: ProjectName
    row: Mirrored | None
    held: Sequence[Held] = ()
    dropped: Collection[tuple[FileKey, str]] = ()
    failures: Sequence[Failure] = ()


class Standing(Struct, frozen=True, kw_only=True):
    """All of a mirror, counted. Files and bytes are those that are wanted."""

    projects: int = 0
    held: int = 0
    due: int = 0
    failed: int = 0
    gone: int = 0
    files: int = 0
    size: int = 0
    files_lacking: int = 0
    size_lacking: int = 0


class Mirrors(Protocol):
    """How far mirrors have come: one row for each project of an upstream."""

    async def find(self, upstream: str) -> Mirroring:
        """As it was recorded last; one of nothing if it never was."""

    async def record(self, upstream: str, mirroring: Mirroring) -> None: ...

    async def compare(
        self, upstream: str, chosen: Mapping[ProjectName, int], others: Collection[ProjectName]
    ) -> list[Difference]:
        """What is not as it was recorded; `others` are listed and not chosen. Changes nothing."""

    async def mark(self, upstream: str, differences: Sequence[Difference], at: datetime) -> None:
        """Record what is to be looked at from `at` on."""

    async def recheck(
        self, upstream: str, projects: Collection[ProjectName] | None, at: datetime
    ) -> None:
        """Have these, or all, looked at from `at` on."""

    async def due(
        self, upstream: str, now: datetime, after: Mirrored | None, most: int
    ) -> list[Mirrored]:
        """What is to be looked at, the longest due first; those behind `after`."""

    async def settle(self, upstream: str, settled: Settled) -> None:
        """Record what became of a project, all or nothing."""


class Standings(Protocol):
    """How mirrors stand, for whoever asks."""

    async def standing(self, upstream: str) -> Standing: ...

    async def failed(self, upstream: str, most: int) -> list[Mirrored]:
        """Projects of which something could not be had, by name."""

    async def failures(self, upstream: str, most: int) -> list[Failure]:
        """Files that could not be had, by project and name."""


class Leases(Protocol):
    """Who does what nobody else may do at the same time, in any process and node."""

    async def take(self, what: str, who: str, now: datetime, until: datetime) -> str | None:
        """Take or renew it; None if that went well, else who has it."""

    async def give_back(self, what: str, who: str) -> None: ...
