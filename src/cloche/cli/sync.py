"""`cloche sync`: bring an upstream's projects ahead of need, and follow what it takes back."""

import logging
import os
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer
from msgspec.structs import replace

from cloche import logs
from cloche.app.plans import plans
from cloche.app.resting import rested
from cloche.cli._options import Config, Data, Events
from cloche.cli._progress import Report, reporting
from cloche.cli._syncing import Stand, Summed
from cloche.config import Settings, load
from cloche.core.plan import Done, Plan

MOST = 4  # processes, if nobody says otherwise
MANY = 100  # projects that are worth a second process: to start one takes a second

Processes = Annotated[
    int | None,
    typer.Option(
        min=1, max=64, metavar="N", help="Processes, if there is much to do. [default: cores, to 4]"
    ),
]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def sync(  # noqa: PLR0913 - each option is an argument
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME...]",
            help="An index, or an upstream. [default: every upstream whose mode is not on_demand]",
        ),
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be brought and dropped; do nothing.")
    ] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Say how far it is; ask no upstream.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Look at every project, whatever the serials say.")
    ] = False,
    allow_shrink: Annotated[
        bool,
        typer.Option("--allow-shrink", help="Believe a list that is much shorter than before."),
    ] = False,
    as_json: Events = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=512, metavar="N", help="Requests under way at once.")
    ] = None,
    processes: Processes = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Bring what upstreams have ahead of need, under the rules of the indexes that draw on them.

    Exit code 1 if anything is lacking; what that is, and why, is said at the end.
    """
    settings = load(config, data)
    chosen = [
        replace(each, full=full, dry=dry_run, shrink=allow_shrink)
        for each in _beside(plans(settings, names or (), jobs), processes)
    ]
    # What goes wrong is told at the end; a log would tell it twice, and through the bar.
    logs.configure(as_json=settings.server.log == "json", level=logging.CRITICAL)
    with reporting(as_json=as_json) as report:
        left = [each for each in chosen if status or not _rests(settings, each, report)]
        good = not left or _ran(settings, left, report, only_status=status)
    if not good:
        raise typer.Exit(1)


def _rests(settings: Settings, plan: Plan, report: Report) -> bool:
    """Whether there is nothing to do, and then tell it as a run would."""
    rest = rested(settings, plan)
    if rest is None:
        return False
    report.tell(Summed.of(Done(upstream=plan.upstream), dry=False))
    report.tell(Stand.of(plan.upstream, rest.mirroring, rest.standing))
    return True


def _ran(settings: Settings, chosen: Sequence[Plan], report: Report, *, only_status: bool) -> bool:
    from cloche.cli._running import ran  # noqa: PLC0415  # 0.5 s, for those who have work to do

    return ran(settings, chosen, report, only_status=only_status)


def _beside(chosen: Iterable[Plan], processes: int | None) -> list[Plan]:
    """The plans, with so many processes; if nobody says how many, with what the machine has."""
    many = processes or MANY
    at_most = processes or min(MOST, _cores())
    return [replace(each, processes=at_most, many=many) for each in chosen]


def _cores() -> int:
    """Those that this process may use, where the system tells."""
    tell = getattr(os, "sched_getaffinity", None)
    return len(tell(0)) if tell else os.cpu_count() or 1
