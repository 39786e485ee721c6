"""A sync that has something to do, or may have: run, told, and summed up."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import uvloop

from cloche.app.hands import hiring
from cloche.app.patience import LEFTOVER
from cloche.app.plans import widened
from cloche.app.services import opened
from cloche.app.syncs import Syncs
from cloche.cli._progress import Amount, Report, stoppable
from cloche.cli._syncing import Failed, Lack, Note, Settled, Stand, Summed
from cloche.config import Settings
from cloche.core.errors import Error
from cloche.core.model import ProjectName
from cloche.core.plan import Plan
from cloche.service.crew import Hire
from cloche.service.one import Result

MOST = 1000  # failures that are told


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


def ran(settings: Settings, chosen: Sequence[Plan], report: Report, *, only_status: bool) -> bool:
    """Do what is chosen, or only tell how it stands; whether nothing is lacking."""
    settings = widened(settings, chosen)

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

    with (
        stoppable("what has come is kept, run it again to go on"),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(all_of_them())


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
    return Stand.of(upstream, mirroring, found, lacks)
