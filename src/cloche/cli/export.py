"""`cloche export`: an index as static files, in a folder or a bucket."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from msgspec.structs import replace

from cloche.app.exporting import Order, asking_nobody, exporting, target_url
from cloche.app.patience import LEFTOVER
from cloche.app.services import opened
from cloche.cli._choosing import (
    JOBS,
    Choosing,
    Everything,
    FromUpstream,
    NoSdists,
    Platforms,
    Pre,
    Pythons,
    opening,
)
from cloche.cli._exporting import Tally
from cloche.cli._options import Config, Data, Events
from cloche.cli._progress import reporting, stoppable
from cloche.config import Settings
from cloche.core.errors import BadSetting
from cloche.core.server_config import render
from cloche.core.static import LAYOUTS
from cloche.core.wants import Left
from cloche.service import static_way
from cloche.service.static_way import Way
from cloche.wanted import read

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Target = Annotated[str, typer.Argument(metavar="TARGET", help="A folder, or s3://bucket/prefix.")]
Index = Annotated[
    str | None, typer.Option(metavar="NAME", help="Index to write. [default: the default one]")
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="MOMENT",
        help="As the index was: a date, an instant, a serial, or a snapshot's name.",
    ),
]
Requirements = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE",
        help="Only what requirements and lock files name; can be given more than once.",
    ),
]
NoDeps = Annotated[
    bool, typer.Option("--no-deps", help="Not what these need again: a list names all.")
]
Layouts = Annotated[
    Literal["simple", "bandersnatch", "flat"], typer.Option(help="Where files lie.")
]
HeldOnly = Annotated[
    bool, typer.Option("--held-only/--fetch", help="Leave out what is not kept here; ask nobody.")
]
Link = Annotated[
    bool, typer.Option("--link/--copy", help="Hard links to what is kept, where the disk is one.")
]
BaseUrl = Annotated[
    str, typer.Option(metavar="URL", help="Where it will be served, for provenance.")
]
ServerConfig = Annotated[
    Literal["nginx", "apache"] | None,
    typer.Option(help="Print a configuration that serves TARGET, and do nothing else."),
]
Listen = Annotated[str, typer.Option(metavar="[ADDRESS:]PORT", help="Where that server listens.")]
Jobs = Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Projects or files at once.")]
Full = Annotated[
    bool, typer.Option("--full", help="Look at every project, whatever the last run left.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be written; fetch and write nothing.")
]


@app.command()
def export(  # noqa: PLR0913 - each option is an argument
    target: Target,
    *,
    index: Index = None,
    as_of: AsOf = None,
    requirements: Requirements = None,
    no_deps: NoDeps = False,
    layout: Layouts = "simple",
    held_only: HeldOnly = False,
    link: Link = False,
    base_url: BaseUrl = "",
    server_config: ServerConfig = None,
    listen: Listen = "80",
    platform: Platforms = None,
    python: Pythons = None,
    everything: Everything = False,
    no_sdists: NoSdists = False,
    pre: Pre = False,
    jobs: Jobs = JOBS,
    full: Full = False,
    dry_run: DryRun = False,
    as_json: Events = False,
    upstream: FromUpstream = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Write an index as static files, which any web server serves; again, only what has changed.

    Exit code 1 if something could not be had; what that is, and why, is said at the end.
    """
    if server_config is not None:
        print(_server_config(server_config, target, layout, listen), end="")
        return
    settings, chosen = opening(config, data, upstream, index)
    choosing = Choosing(
        platforms=platform, pythons=python, everything=everything, no_sdists=no_sdists, pre=pre
    )
    way = Way(index=chosen, layout=LAYOUTS[layout], held_only=held_only, dry=dry_run, jobs=jobs)
    wants = read(requirements) if requirements else None
    chosen_files = choosing.rules(wants)
    order = Order(
        url=target_url(target),
        way=replace(way, base=base_url.rstrip("/")),
        layout=layout,
        at=as_of,
        wants=wants.wants if wants else None,
        rules=chosen_files,
        environments=[] if no_deps else choosing.environments(chosen_files),
        link=link,
        full=full,
    )
    _tell(settings, order, wants.left if wants else (), as_json=as_json)


def _tell(settings: Settings, order: Order, left: Sequence[Left], *, as_json: bool) -> None:
    """Do it, and say how it goes; with exit code 1 if anything could not be had."""
    with reporting(as_json=as_json) as report:
        tally = Tally(report)
        for each in left:
            tally.tell(static_way.Lacked(each.says, None, each.why))
        _run(asking_nobody(settings) if order.way.held_only else settings, order, tally)
        tally.end()
    if tally.lacked:
        raise typer.Exit(1)


def _server_config(kind: str, target: str, layout: str, listen: str) -> str:
    if "://" in target:
        raise BadSetting(f"{target} is no folder that {kind} can serve; name one")
    if LAYOUTS[layout].flat:
        raise BadSetting(f"{target} needs no configuration: serve the folder as it is")
    folder = Path(target).resolve() / LAYOUTS[layout].root
    return render(kind, str(folder), listen=listen)


def _run(settings: Settings, order: Order, tally: Tally) -> None:
    async def work() -> None:
        async with opened(settings, patience=LEFTOVER) as services:
            export, names = await exporting(services, settings, order, tally.tell)
            await export.export(names, tally.begun, tally.done)

    with stoppable("what is written stays, run it again to go on"):
        asyncio.run(work())
