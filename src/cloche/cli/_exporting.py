"""What `cloche export` tells of a run."""

from dataclasses import dataclass, field

from msgspec import structs
from rich.filesize import decimal

from cloche.cli._progress import Amount, Event, Report
from cloche.service import static_way
from cloche.service.static_way import Came

ONE = Amount(projects=1)


class Wrote(Event, frozen=True, tag="wrote"):
    project: str
    new: int
    size: int
    kept: int
    removed: int

    @property
    def sentence(self) -> str | None:
        if not self.new and not self.removed:
            return None
        return f"{self.project}: {self.new} new, {self.kept} as they were, {self.removed} removed"


class Left(Event, frozen=True, tag="left"):
    project: str
    files: int

    @property
    def sentence(self) -> str | None:
        return f"{self.project}: {self.files} left out, they are not kept here"


class Lacked(Event, frozen=True, tag="lacked"):
    says: str
    filename: str | None
    why: str

    @property
    def sentence(self) -> str | None:
        of = f" ({self.filename})" if self.filename else ""
        return f"lacking  {self.says}{of}: {self.why}"


class Noted(Event, frozen=True, tag="note"):
    says: str

    @property
    def sentence(self) -> str | None:
        return f"note  {self.says}"


class Done(Event, frozen=True, tag="done"):
    projects: int
    written: int
    size: int
    kept: int
    removed: int
    left: int
    lacked: int

    @property
    def sentence(self) -> str | None:
        left = f"; {self.left} left out, they are not kept here" if self.left else ""
        return (
            f"{self.projects} projects: {self.written} files written, {decimal(self.size)}, "
            f"{self.kept} as they were, {self.removed} removed{left}; "
            f"{self.lacked} could not be had"
        )


_SHOWN: dict[type, type[Event]] = {
    static_way.Wrote: Wrote,
    static_way.Left: Left,
    static_way.Lacked: Lacked,
    static_way.Noted: Noted,
}


@dataclass
class Tally:
    """What a run comes to, and whom it is told."""

    report: Report
    projects: int = 0
    sums: dict[str, int] = field(default_factory=dict)
    lacked: list[Lacked] = field(default_factory=list)

    def begun(self, projects: int) -> None:
        self.projects = projects
        self.report.expect(Amount(projects=projects))

    def done(self) -> None:
        self.report.done(ONE)

    def tell(self, event: static_way.Event) -> None:
        if isinstance(event, Came):
            self.report.done(Amount(size=event.size))
            return
        told = _SHOWN[type(event)](**structs.asdict(event))
        if isinstance(told, Lacked):
            self.lacked.append(told)  # told at the end, where people look
            return
        for name, value in structs.asdict(event).items():
            if isinstance(value, int):
                self.sums[name] = self.sums.get(name, 0) + value
        self.report.tell(told)

    def end(self) -> None:
        for each in self.lacked:
            self.report.tell(each)
        new, size, kept, removed, left = (
            self.sums.get(name, 0) for name in ("new", "size", "kept", "removed", "files")
        )
        self.report.tell(Done(self.projects, new, size, kept, removed, left, len(self.lacked)))
