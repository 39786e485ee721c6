"""What a sync tells: each project as it is settled, the sum, and how the mirror stands."""

from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec import Struct
from rich.filesize import decimal

from cloche.cli._progress import Amount, Event
from cloche.core.mirrors import State
from cloche.core.plan import Done
from cloche.ports.mirrors import Mirroring, Standing


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

    @classmethod
    def of(
        cls, upstream: str, mirroring: Mirroring, found: Standing, lacks: Iterable[Lack] = ()
    ) -> "Stand":
        at = mirroring.complete_at
        return cls(
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

    @property
    def sentence(self) -> str | None:
        when = f"{self.complete_at:%Y-%m-%d %H:%M:%S} UTC" if self.complete_at else "never"
        return (
            f"{self.upstream}: {self.held.projects:,} of {self.projects.projects:,} projects, "
            f"{self.held.files:,} of {self.projects.files:,} files, {decimal(self.held.size)} of "
            f"{decimal(self.projects.size)}; {self.due:,} due, {self.failed:,} failed, "
            f"{self.gone:,} gone; {self.lag:,} serials behind, last complete {when}"
        )
