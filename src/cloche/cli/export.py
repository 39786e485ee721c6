"""`cloche export`: an index as static files, in a folder or a bucket."""

import asyncio
import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import typer
from msgspec import structs
from rich.filesize import decimal

from cloche import logs
from cloche.app.application import LEFTOVER
from cloche.app.exporting import Order, asking_nobody, exporting, target_url
from cloche.app.services import opened
from cloche.cli._choosing import Everything, NoSdists, Platforms, Pre, Pythons, rules
from cloche.cli._options import Config, Data, check_index
from cloche.cli._progress import Amount, Event, Report, reporting
from cloche.config import DEFAULT_UPSTREAM, Settings, load
from cloche.core.errors import BadSetting
from cloche.core.server_config import render
from cloche.core.static import LAYOUTS
from cloche.service import static_way
from cloche.service.static_way import Came, Way
from cloche.wanted import read

app = typer.Typer(add_completion=False, rich_markup_mode=None)

JOBS = 8
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
            if name != "project":
                self.sums[name] = self.sums.get(name, 0) + value
        self.report.tell(told)

    def end(self) -> None:
        for each in self.lacked:
            self.report.tell(each)
        new, size, kept, removed, left = (
            self.sums.get(name, 0) for name in ("new", "size", "kept", "removed", "files")
        )
        self.report.tell(Done(self.projects, new, size, kept, removed, left, len(self.lacked)))


@app.command()
def export(  # noqa: PLR0913 - each option is an argument
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="A folder, or s3://bucket/prefix.")
    ],
    *,
    index: Annotated[
        str | None, typer.Option(metavar="NAME", help="Index to write. [default: the default one]")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="MOMENT",
            help="As the index was: a date, an instant, a serial, or a snapshot's name.",
        ),
    ] = None,
    requirements: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Only what requirements and lock files name; can be given more than once.",
        ),
    ] = None,
    layout: Annotated[
        Literal["simple", "bandersnatch"], typer.Option(help="Where files lie.")
    ] = "simple",
    held_only: Annotated[
        bool,
        typer.Option("--held-only/--fetch", help="Leave out what is not kept here; ask nobody."),
    ] = False,
    link: Annotated[
        bool,
        typer.Option("--link/--copy", help="Hard links to what is kept, where the disk is one."),
    ] = False,
    base_url: Annotated[
        str, typer.Option(metavar="URL", help="Where it will be served, for provenance.")
    ] = "",
    server_config: Annotated[
        Literal["nginx", "apache"] | None,
        typer.Option(help="Print a configuration that serves TARGET, and do nothing else."),
    ] = None,
    listen: Annotated[
        str, typer.Option(metavar="[ADDRESS:]PORT", help="Where that server listens.")
    ] = "80",
    platform: Platforms = None,
    python: Pythons = None,
    everything: Everything = False,
    no_sdists: NoSdists = False,
    pre: Pre = False,
    jobs: Annotated[
        int, typer.Option(min=1, max=64, metavar="N", help="Projects or files at once.")
    ] = JOBS,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be written; fetch and write nothing.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each event as JSON, one a line.")
    ] = False,
    upstream: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Simple index to fall through to, in place of PyPI."),
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Write an index as static files, which any web server serves; again, only what has changed.

    Exit code 1 if something could not be had; what that is, and why, is said at the end.
    """
    if server_config is not None:
        print(_server_config(server_config, target, layout, listen), end="")
        return
    settings = load(config, data, {f"upstream.{DEFAULT_UPSTREAM}.url": upstream})
    chosen = index or settings.default_index.name
    check_index(settings, chosen, config)
    wants = read(requirements) if requirements else None
    order = Order(
        url=target_url(target),
        way=Way(
            index=chosen,
            layout=LAYOUTS[layout],
            base=base_url.rstrip("/"),
            held_only=held_only,
            dry=dry_run,
            jobs=jobs,
        ),
        layout=layout,
        at=as_of,
        wants=None if wants is None else wants.wants,
        rules=rules(
            platform,
            python,
            prereleases=pre or (wants is not None and wants.prereleases),
            everything=everything,
            sdists=not no_sdists,
        ),
        link=link,
    )
    # What goes wrong is told at the end; a log would tell it twice, and through the bar.
    logs.configure(as_json=settings.server.log == "json", level=logging.ERROR)
    with reporting(as_json=as_json) as report:
        tally = Tally(report)
        for left in wants.left if wants else ():
            tally.tell(static_way.Lacked(left.says, None, left.why))
        _run(asking_nobody(settings) if held_only else settings, order, tally)
        tally.end()
    if tally.lacked:
        raise typer.Exit(1)


def _server_config(kind: str, target: str, layout: str, listen: str) -> str:
    if "://" in target:
        raise BadSetting(f"{target} is no folder that {kind} can serve; name one")
    folder = Path(target).resolve() / LAYOUTS[layout].root
    return render(kind, str(folder), listen=listen)


def _run(settings: Settings, order: Order, tally: Tally) -> None:
    async def work() -> None:
        async with opened(settings, patience=LEFTOVER) as services:
            export, names = await exporting(services, settings, order, tally.tell)
            await export.export(names, tally.begun, tally.done)

    try:
        asyncio.run(work())
    except KeyboardInterrupt:
        print("cloche: stopped; what is written stays, run it again to go on", file=sys.stderr)
        raise typer.Exit(130) from None
