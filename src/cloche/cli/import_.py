"""`cloche import`: bring over what another system has kept."""

import asyncio
import sys
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct
from rich.filesize import decimal

from cloche.app.importing import importing
from cloche.app.services import opened
from cloche.cli._options import Config, Data, Events, begin
from cloche.cli._progress import Amount, Event, Report, reporting, stoppable
from cloche.config import Settings
from cloche.core.errors import BadSetting, Error
from cloche.ports import Way
from cloche.service import imports

app = typer.Typer(add_completion=False, rich_markup_mode=None)

JOBS = 4
MOST = 1000  # refusals that are told at the end; more are told at once

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="Folder or s3://bucket/prefix that another system has kept files in, or a "
        "bandersnatch.conf to translate.",
    ),
]
To = Annotated[
    str | None,
    typer.Option("--to", metavar="NAME", help="Index or upstream that is to have them."),
]
As = Annotated[
    str | None,
    typer.Option("--as", metavar="KIND", help="What it is, such as devpi. [default: as it looks]"),
]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="USER/INDEX", help="Of a devpi export: which index."),
]
Copy = Annotated[bool, typer.Option("--copy", help="Copy the files. The default.")]
Link = Annotated[
    bool,
    typer.Option(
        "--link", help="Hard links, where that can be: whoever changes one file changes both."
    ),
]
Move = Annotated[bool, typer.Option("--move", help="Take each file away there once it is here.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be, and leave all as it is.")
]
Jobs = Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Files at once.")]


class Began(Event, frozen=True, tag="import"):
    kind: str
    to: str

    @property
    def sentence(self) -> str:
        return f"it looks like {self.kind}; bringing it to {self.to}"


class Told(Event, frozen=True, tag="file"):
    """What became of a file: `brought`, `here`, `refused`; `paged`, `documented` of a project."""

    state: str
    what: str
    path: str = ""
    size: int = 0
    why: str | None = None
    uploaded_at: str | None = None
    stated: bool | None = None

    @property
    def sentence(self) -> str:
        return f"{self.state:<8} {self.what}" + (f": {self.why}" if self.why else "")


class Done(Event, frozen=True, kw_only=True, tag="done"):
    dry_run: bool
    brought: int
    here: int
    refused: int
    passed: int
    size: int  # bytes of what was brought
    unstated: int  # files whose upload time is that of the file itself

    @property
    def sentence(self) -> str:
        verb = "would be brought" if self.dry_run else "brought"
        files = f"{self.brought} files {verb}, {decimal(self.size)}; {self.here} here before"
        times = f", {self.unstated} with the time of the file itself" if self.unstated else ""
        return f"{files}; {self.refused} refused; {self.passed} no distributions{times}"


@app.command(name="import")
def import_(  # noqa: PLR0913 - each option is an argument
    source: Source,
    *,
    to: To = None,
    kind: As = None,
    part: From = None,
    copy: Copy = False,
    link: Link = False,
    move: Move = False,
    dry_run: DryRun = False,
    jobs: Jobs = JOBS,
    as_json: Events = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Bring over what another system has kept: files, upload times, yanks.

    Exit code 1 if something was refused; what that is, and why, is said at the end.
    """
    if source.endswith(".conf") and Path(source).is_file():
        from cloche.cli.config import import_ as translated  # noqa: PLC0415  # another job

        translated(Path(source), index=to or "main")
        return
    if to is None:
        raise BadSetting("say which index or upstream is to have the files, with --to NAME")
    way = _way(copy=copy, link=link, move=move, dry_run=dry_run)
    settings = begin(config, data)
    tally = Tally(dry_run=dry_run, as_json=as_json)
    with reporting(as_json=as_json) as report:
        failure = _run(settings, Job(source, to, kind, part, way, jobs), tally, report)
        tally.end(report)
    if failure is not None:
        print(f"cloche: {failure}", file=sys.stderr)
    if failure is not None or tally.refused:
        raise typer.Exit(1)


class Job(Struct, frozen=True):
    source: str
    to: str
    kind: str | None
    part: str | None
    way: Way
    jobs: int


def _way(*, copy: bool, link: bool, move: bool, dry_run: bool) -> Way:
    if copy + link + move > 1:
        raise BadSetting("--copy, --link and --move: only one of them")
    if dry_run:
        return "look"
    return "link" if link else "move" if move else "copy"


def _run(settings: Settings, job: Job, tally: "Tally", report: Report) -> Error | None:
    """Work until all is done, and return what has ended it before that."""

    async def work() -> None:
        async with opened(settings, patience=0) as services:
            made = await importing(
                settings, services, job.source, job.to, kind=job.kind, part=job.part, way=job.way
            )
            report.tell(Began(made.stock.kind, job.to))
            tally.began = True
            async with aclosing(made.run(jobs=job.jobs)) as events:
                async for event in events:
                    tally.add(event, report)
            tally.passed = made.stock.passed

    try:
        with stoppable("what has come is kept, run it again to go on"):
            asyncio.run(work())
    except Error as e:
        if not tally.began:
            raise
        return e
    return None


@dataclass
class Tally:
    """What a run came to."""

    dry_run: bool
    as_json: bool
    began: bool = False
    brought: int = 0
    here: int = 0
    refused: int = 0
    passed: int = 0
    size: int = 0
    unstated: int = 0
    why: list[Told] = field(default_factory=list)

    def add(self, event: imports.Event, report: Report) -> None:
        match event:
            case imports.Found(files, size):
                report.expect(Amount(files=files, size=size))
            case imports.Brought():
                self.brought += 1
                self.size += event.size
                self.unstated += not event.stated
                at = event.uploaded_at.isoformat()
                name, path = event.filename, event.path
                told = Told("brought", name, path, event.size, None, at, event.stated)
                _tell(report, told, event.size)
            case imports.Here():
                self.here += 1
                _tell(report, Told("here", event.filename, event.path, event.size), event.size)
            case imports.Refused():
                self.refused += 1
                told = Told("refused", event.path, event.path, event.size, event.why)
                self._keep(told, report)
                report.done(Amount(files=1, size=event.size))
            case imports.Paged(project):
                report.tell(Told("paged", project))
            case imports.Documented(project, path):
                report.tell(Told("docs", project, path))

    def _keep(self, told: Told, report: Report) -> None:
        """People are told at the end what was refused, programs at once."""
        if self.as_json or len(self.why) == MOST:
            report.tell(told)
        else:
            self.why.append(told)

    def end(self, report: Report) -> None:
        for told in self.why:
            report.tell(told)
        report.tell(
            Done(
                dry_run=self.dry_run,
                brought=self.brought,
                here=self.here,
                refused=self.refused,
                passed=self.passed,
                size=self.size,
                unstated=self.unstated,
            )
        )


def _tell(report: Report, told: Told, size: int) -> None:
    report.tell(told)
    report.done(Amount(files=1, size=size))
