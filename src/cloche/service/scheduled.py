"""Mirrors on a schedule, inside a server: one run at a time, whichever node makes it."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloche.core.errors import Error, Occupied
from cloche.core.mirrors import again
from cloche.core.model import ProjectName
from cloche.core.plan import Plan
from cloche.logs import Log
from cloche.ports import Clock, Mirrors
from cloche.service.one import Result
from cloche.service.sync import Sync

log = Log(__name__)

LONGEST = 60.0  # seconds between two looks at whether it is time
JITTER = 0.1  # of the time between two runs, so that not all mirrors ask at once


@dataclass(frozen=True, slots=True)
class Schedule:
    """One upstream's."""

    plan: Plan
    every: timedelta
    make: Callable[[Plan], Sync]
    mirrors: Mirrors
    clock: Clock

    async def run(self) -> None:
        """Sync for ever, as any number of processes may: the last run counts, whoever made it."""
        spread = self.every * (JITTER * random.random())  # noqa: S311 - no secret
        tries, waits = 0, self.clock()
        while True:
            await asyncio.sleep(min(LONGEST, self.every.total_seconds() / 4))
            try:
                if self.clock() >= max(waits, await self.due() + spread):
                    await self._once()
                    tries = 0
            except Occupied:
                continue  # somebody else makes this run
            except Error as e:
                tries += 1
                waits = again(self.clock(), tries, random.random())  # noqa: S311 - no secret
                log.warning("could not sync", upstream=self.plan.upstream, error=str(e))

    async def due(self) -> datetime:
        """When the next run is: at once if there was none, or one that did not come to its end."""
        found = await self.mirrors.find(self.plan.upstream)
        if found.listed_at is None:
            return self.clock() - self.every
        if found.complete_at is None or found.complete_at < found.listed_at:
            return found.listed_at
        return found.listed_at + self.every

    async def _once(self) -> None:
        done = await self.make(self.plan).run(_Quiet())
        log.info(
            "synced",
            upstream=done.upstream,
            projects=done.projects,
            files=done.files,
            size=done.size,
            dropped=done.dropped,
            failed=done.failed,
        )


class _Quiet:
    """Nobody watches; what could not be had is in the catalog, for `cloche sync --status`."""

    def expect(self, *, projects: int = 0, files: int = 0, size: int = 0) -> None:
        pass

    def done(self, *, projects: int = 0, files: int = 0, size: int = 0) -> None:
        pass

    def settled(self, upstream: str, project: ProjectName, result: Result) -> None:
        pass
