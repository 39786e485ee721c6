"""Retention, put together: what the settings keep, for a command and for a server."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from cloche.app.services import Services
from cloche.config import Settings
from cloche.core.retention import Retained, Retention
from cloche.core.wants import Want
from cloche.logs import Log
from cloche.service.recurring import Recurring
from cloche.service.retain import Superfluous
from cloche.wanted import read

log = Log(__name__)


def retained(settings: Settings, said: Retention) -> Retained:
    """Raise BadSetting when a file that it names cannot be read: then nothing may go."""
    files = [str(settings.folder / name) for name in said.named_by]
    said_so = read(files)
    # Of what a lock names in a way that no index can be asked, everything is kept.
    left = [Want(project=e.project, says=e.says) for e in said_so.left if e.project is not None]
    within = said.fetched_within
    return Retained(
        newest=said.newest,
        fetched_within=None if within is None else timedelta(days=within),
        wants=(*said_so.wants, *left),
    )


def recurring(settings: Settings, services: Services) -> list[Recurring]:
    """What a server does of it by itself: where the settings say so, uploads too."""
    leases, clock = services.stored.leases, services.clock
    return [
        Recurring(
            f"retention of {name}",
            timedelta(seconds=said.every),
            _Run(settings, services, name, said).run,
            leases,
            clock,
        )
        for name, said in settings.retention.items()
        if said.every is not None
    ]


@dataclass
class _Run:
    settings: Settings
    services: Services
    name: str
    said: Retention
    files: int = 0
    size: int = 0

    async def run(self) -> None:
        """Let go of what is not kept of one index or upstream, and log how much that was."""
        self.files = self.size = 0
        kept = await asyncio.to_thread(retained, self.settings, self.said)
        retain = self.services.retain
        if self.name in self.settings.upstreams:
            await retain.upstream(self.name, kept, self._told, dry_run=False)
        if self.name in self.settings.indexes:
            await retain.index(self.name, kept, self._told, dry_run=False)
        log.info("retained", place=self.name, files=self.files, size=self.size)

    def _told(self, gone: Superfluous) -> None:
        self.files += 1
        self.size += gone.size
