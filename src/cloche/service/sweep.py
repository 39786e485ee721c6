"""Clearing away what crashes leave behind: half files, and blobs that no row needs."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from cloche.core.model import Digest
from cloche.ports import Blobs, Clock, Spool, Stored, Upkeep

log = structlog.get_logger(__name__)

BATCH = 500


@dataclass(frozen=True, slots=True)
class Swept:
    spooled: int
    blobs: int


@dataclass(frozen=True, slots=True)
class Sweep:
    blobs: Blobs
    upkeep: Upkeep
    spool: Spool
    clock: Clock

    async def run(self, older_than: timedelta) -> Swept:
        """Remove what is nobody's. A blob younger than that may still get its row."""
        spooled = await self.spool.sweep(older_than.total_seconds())
        removed = 0
        batch: list[Stored] = []
        async for stored in self.blobs.list():
            batch.append(stored)
            if len(batch) == BATCH:
                removed += await self._unreferenced(batch, older_than)
                batch.clear()
        removed += await self._unreferenced(batch, older_than)
        if spooled or removed:
            log.info("swept", spooled=spooled, blobs=removed)
        return Swept(spooled, removed)

    async def _unreferenced(self, batch: list[Stored], older_than: timedelta) -> int:
        before = self.clock() - older_than
        old = [stored for stored in batch if stored.modified <= before]
        needed = await self.upkeep.referenced([stored.digest for stored in old])
        lost = [stored.digest for stored in old if stored.digest not in needed]
        return sum([await self._delete(digest) for digest in lost])

    async def _delete(self, digest: Digest) -> bool:
        """Delete unless somebody has published the same bytes again just now."""
        if await self.upkeep.referenced([digest]):
            return False
        await self.blobs.delete(digest)
        return True
