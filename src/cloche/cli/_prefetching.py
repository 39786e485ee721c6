"""What `cloche prefetch` tells of a run."""

from dataclasses import dataclass, field

from msgspec import structs
from rich.filesize import decimal

from cloche.cli._progress import Amount, Event, Report
from cloche.service import gather


class Looked(Event, frozen=True, tag="looked"):
    project: str
    files: int
    size: int


class Had(Event, frozen=True, tag="had"):
    project: str
    filename: str
    size: int
    fetched: bool

    @property
    def sentence(self) -> str:
        return f"{'fetched' if self.fetched else 'here'}  {self.filename}"


class Lacked(Event, frozen=True, tag="lacked"):
    says: str
    filename: str | None
    why: str

    @property
    def sentence(self) -> str:
        of = f" ({self.filename})" if self.filename else ""
        return f"lacking  {self.says}{of}: {self.why}"


class Done(Event, frozen=True, kw_only=True, tag="done"):
    projects: int
    fetched: int
    here: int
    size: int  # bytes of all files, fetched or here
    lacked: int

    @property
    def sentence(self) -> str:
        files = f"{self.fetched} fetched, {self.here} here before, {decimal(self.size)} in all"
        return f"{self.projects} projects: {files}; {self.lacked} could not be had"


@dataclass
class Tally:
    """What a run comes to, and whom it is told."""

    report: Report
    projects: int = 0
    fetched: int = 0
    here: int = 0
    size: int = 0
    lacked: list[Lacked] = field(default_factory=list)

    def tell(self, event: gather.Event) -> None:
        match event:
            case gather.Came(size):
                self.report.done(Amount(size=size))
            case gather.Looked(_, files, size):
                self.projects += 1
                self.report.expect(Amount(files=files, size=size))
                self.report.tell(Looked(**structs.asdict(event)))
            case gather.Had():
                self._had(event)
            case gather.Lacked():
                # Told at the end, where people look.
                self.lacked.append(Lacked(**structs.asdict(event)))

    def _had(self, event: gather.Had) -> None:
        self.fetched += event.fetched
        self.here += not event.fetched
        self.size += event.size
        self.report.done(Amount(files=1, size=0 if event.fetched else event.size))
        self.report.tell(Had(**structs.asdict(event)))

    def end(self) -> None:
        for each in self.lacked:
            self.report.tell(each)
        self.report.tell(
            Done(
                projects=self.projects,
                fetched=self.fetched,
                here=self.here,
                size=self.size,
                lacked=len(self.lacked),
            )
        )
