"""`cloche sync`: bring an upstream's projects ahead of need, and follow what it takes back."""

import asyncio
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer
import uvloop
from msgspec.structs import replace

from cloche import logs
from cloche.app.hands import hiring
from cloche.app.services import opened
from cloche.app.syncs import Syncs, plans, widened
from cloche.cli._options import Config, Data
from cloche.cli._progress import Report, reporting
from cloche.cli._syncing import Failed, Note, Stand, Summed, Watcher, stand
from cloche.config import Settings, load
from cloche.core.errors import Error
from cloche.service.crew import Hire
from cloche.service.sync import Plan

MOST = 4  # processes, if nobody says otherwise
MANY = 100  # projects that are worth a second process: to start one takes a second
LEFTOVER = 2.0  # seconds at the end for transfers that are under way: they can be resumed

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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each event as JSON, one a line.")
    ] = False,
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
        good = _asked(widened(settings, chosen), chosen, report, only_status=status)
    if not good:
        raise typer.Exit(1)


def _beside(chosen: Iterable[Plan], processes: int | None) -> list[Plan]:
    """The plans, with so many processes; if nobody says how many, with what the machine has."""
    many = processes or MANY
    at_most = processes or min(MOST, _cores())
    return [replace(each, processes=at_most, many=many) for each in chosen]


def _cores() -> int:
    """Those that this process may use, where the system tells."""
    tell = getattr(os, "sched_getaffinity", None)
    return len(tell(0)) if tell else os.cpu_count() or 1


def _asked(
    settings: Settings, chosen: Sequence[Plan], report: Report, *, only_status: bool
) -> bool:
    async def all_of_them() -> bool:
        async with opened(settings, patience=LEFTOVER) as services:
            good = [
                await (
                    _status(services.syncs, each, report)
                    if only_status
                    else _one(services.syncs, each, report, hiring(settings, each))
                )
                for each in chosen
            ]
        return all(good)

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(all_of_them())
    except KeyboardInterrupt:
        print("cloche: stopped; what has come is kept, run it again to go on", file=sys.stderr)
        raise typer.Exit(130) from None


async def _one(syncs: Syncs, plan: Plan, report: Report, hire: Hire) -> bool:
    """Sync one upstream; whether nothing is lacking."""
    try:
        done = await syncs.of(plan, hire).run(Watcher(report))
    except Error as e:
        report.tell(Failed(upstream=plan.upstream, cause=e.detail))
        print(f"cloche: {plan.upstream}: {' '.join(e.detail.split())}", file=sys.stderr)
        return False
    for note in done.notes:
        report.tell(Note(upstream=plan.upstream, says=note))
    report.tell(Summed.of(done, dry=plan.dry))
    if plan.dry:
        return not done.failed
    return await _status(syncs, plan, report)


async def _status(syncs: Syncs, plan: Plan, report: Report) -> bool:
    found: Stand = await stand(syncs, plan.upstream)
    report.tell(found)
    return found.complete
