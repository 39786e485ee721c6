"""Clearing away what crashes leave behind: half files, and blobs that no row needs."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cloche.core.model import Digest
from cloche.logs import Log
from cloche.ports import Blobs, Clock, Spool, Stored, Upkeep

log = Log(__name__)

BATCH = 500


@dataclass(frozen=True, slots=True)
class Swept:
    spooled: int
    blobs: int
    size: int = 0  # bytes of those


@dataclass(frozen=True, slots=True)
class Sweep:
    blobs: Blobs
    upkeep: Upkeep
    spool: Spool
    clock: Clock

    async def run(self, older_than: timedelta, *, dry_run: bool = False) -> Swept:
        """Remove what is nobody's. A blob younger than that may still get its row.

        A dry run removes nothing, and counts blobs alone.
        """
        spooled = 0 if dry_run else await self.spool.sweep(older_than.total_seconds())
        removed: list[int] = []
        batch: list[Stored] = []
        async for stored in self.blobs.list():
            batch.append(stored)
            if len(batch) == BATCH:
                removed += await self._unreferenced(batch, older_than, dry_run=dry_run)
                batch.clear()
        removed += await self._unreferenced(batch, older_than, dry_run=dry_run)
        if (spooled or removed) and not dry_run:
            log.info("swept", spooled=spooled, blobs=len(removed))
        return Swept(spooled, len(removed), sum(removed))

    async def _unreferenced(
        self, batch: list[Stored], older_than: timedelta, *, dry_run: bool
    ) -> list[int]:
        """Bytes of each that went, or would go."""
        before = self.clock() - older_than
        old = [stored for stored in batch if stored.modified <= before]
        needed = await self.upkeep.referenced([stored.digest for stored in old])
        lost = [stored for stored in old if stored.digest not in needed]
        return [each.size for each in lost if dry_run or await self._delete(each.digest, before)]

    async def _delete(self, digest: Digest, before: datetime) -> bool:
        """Delete unless somebody publishes the same bytes again just now.

        Who does puts them first, which makes them young.
        """
        if await self.upkeep.referenced([digest]):
            return False
        return await self.blobs.delete(digest, before=before)
