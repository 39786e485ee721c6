"""How a sync is told: each project as it is settled, the sum, and how the mirror stands."""

from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec import Struct
from rich.filesize import decimal

from cloche.app.syncs import Syncs
from cloche.cli._progress import Amount, Event, Report
from cloche.core.mirrors import State
from cloche.core.model import ProjectName
from cloche.service.one import Result
from cloche.service.sync import Done

MOST = 1000  # failures that are told


class Settled(Event, frozen=True, kw_only=True, tag="project"):
    """So much came of a project."""

    upstream: str
    project: str
    state: State
    files: int
    size: int
    dropped: int


class Failed(Event, frozen=True, kw_only=True, tag="failed"):
    """What could not be had, and why; without a project, the upstream as a whole."""

    upstream: str
    project: str | None = None
    filename: str | None = None
    cause: str

    @property
    def sentence(self) -> str | None:
        if self.project is None:
            return None  # it is said on standard error
        return f"failed  {self.filename or self.project}: {self.cause}"


class Summed(Event, frozen=True, kw_only=True, tag="done"):
    """What a run came to; a dry one, would come to."""

    upstream: str
    dry: bool
    projects: int
    files: int
    size: int
    dropped: int
    failed: int

    @classmethod
    def of(cls, done: Done, *, dry: bool) -> "Summed":
        return cls(
            upstream=done.upstream,
            dry=dry,
            projects=done.projects,
            files=done.files,
            size=done.size,
            dropped=done.dropped,
            failed=done.failed,
        )

    @property
    def sentence(self) -> str | None:
        would = "would bring" if self.dry else "brought"
        drop = "drop" if self.dry else "dropped"
        return (
            f"{self.upstream}: looked at {self.projects:,} projects, {would} {self.files:,} files "
            f"({decimal(self.size)}), {drop} {self.dropped:,}, {self.failed:,} failed"
        )


class Note(Event, frozen=True, kw_only=True, tag="note"):
    """What is not known of what the chosen projects need."""

    upstream: str
    says: str

    @property
    def sentence(self) -> str | None:
        return f"note  {self.says}"


class Lack(Struct, frozen=True, kw_only=True):
    project: str
    filename: str | None
    cause: str


class Stand(Event, frozen=True, kw_only=True, tag="status"):
    """How a mirror stands: what is expected, and what of that is held."""

    upstream: str
    complete: bool
    projects: Amount
    held: Amount
    due: int  # projects that are to be looked at
    failed: int
    gone: int
    serial: int  # of the upstream's list, as it was last
    lag: int  # serials since the last complete run
    listed_at: datetime | None
    complete_at: datetime | None
    seconds: float | None  # since then
    failures: tuple[Lack, ...]

    @property
    def sentence(self) -> str | None:
        when = f"{self.complete_at:%Y-%m-%d %H:%M:%S} UTC" if self.complete_at else "never"
        return (
            f"{self.upstream}: {self.held.projects:,} of {self.projects.projects:,} projects, "
            f"{self.held.files:,} of {self.projects.files:,} files, {decimal(self.held.size)} of "
            f"{decimal(self.projects.size)}; {self.due:,} due, {self.failed:,} failed, "
            f"{self.gone:,} gone; {self.lag:,} serials behind, last complete {when}"
        )


@dataclass(frozen=True, slots=True)
class Watcher:
    """Tells a report what a sync tells."""

    report: Report

    def expect(self, *, projects: int = 0, files: int = 0, size: int = 0) -> None:
        self.report.expect(Amount(projects=projects, files=files, size=size))

    def done(self, *, projects: int = 0, files: int = 0, size: int = 0) -> None:
        self.report.done(Amount(projects=projects, files=files, size=size))

    def settled(self, upstream: str, project: ProjectName, result: Result) -> None:
        for filename, cause in result.causes:
            told = Failed(upstream=upstream, project=project, filename=filename, cause=cause)
            self.report.tell(told)
        self.report.tell(
            Settled(
                upstream=upstream,
                project=project,
                state=result.state,
                files=result.files,
                size=result.size,
                dropped=result.dropped,
            )
        )


async def stand(syncs: Syncs, upstream: str) -> Stand:
    """How the mirror of an upstream stands; nobody is asked."""
    mirroring, found = await syncs.standing(upstream)
    projects, files = await syncs.lacking(upstream, MOST)
    named = {each.project for each in files}
    lacks = [Lack(project=e.project, filename=e.filename, cause=e.cause) for e in files]
    lacks += [
        Lack(project=each.project, filename=None, cause=each.cause)
        for each in projects
        if each.project not in named
    ]
    at = mirroring.complete_at
    return Stand(
        upstream=upstream,
        complete=at is not None and not (found.due or found.failed or found.files_lacking),
        projects=Amount(projects=found.projects, files=found.files, size=found.size),
        held=Amount(
            projects=found.held,
            files=found.files - found.files_lacking,
            size=found.size - found.size_lacking,
        ),
        due=found.due,
        failed=found.failed,
        gone=found.gone,
        serial=mirroring.serial,
        lag=max(0, mirroring.serial - mirroring.complete_serial),
        listed_at=mirroring.listed_at,
        complete_at=at,
        seconds=(datetime.now(UTC) - at).total_seconds() if at else None,
        failures=tuple(sorted(lacks, key=lambda each: (each.project, each.filename or ""))),
    )
