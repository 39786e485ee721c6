"""What nobody else may do meanwhile, on this node or another: the kernel's lock, and a lease."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from cloche.core.errors import Error, Occupied
from cloche.ports import Clock, Leases, Spool

LEASE = timedelta(seconds=60)
RENEW = 15.0  # seconds


@dataclass(frozen=True, slots=True)
class Alone:
    spool: Spool
    leases: Leases
    clock: Clock
    node: str  # tells this node's spool apart from any other

    @asynccontextmanager
    async def doing(self, what: str) -> AsyncIterator[None]:
        """Keep everybody else out meanwhile. Raise Occupied when somebody does it already.

        A process that died keeps nobody out of its own node, and others for a minute.
        """
        who = f"{self.node}, process {os.getpid()}"
        with self.spool.claim(what) as mine:
            if not mine:
                raise Occupied(f"{what} is under way on this machine; wait until it is done")
            await self._take(what, who)
            renewing = asyncio.create_task(self._renew(what, who))
            try:
                yield
            finally:
                renewing.cancel()
                await asyncio.gather(renewing, return_exceptions=True)
                await self.leases.give_back(what, who)

    async def _take(self, what: str, who: str) -> None:
        now = self.clock()
        holder = await self.leases.take(what, who, now, now + LEASE)
        if holder is not None and holder.startswith(f"{self.node}, "):
            # Whoever had it on this node is dead, for its lock was free.
            await self.leases.give_back(what, holder)
            holder = await self.leases.take(what, who, now, now + LEASE)
        if holder is not None:
            raise Occupied(f"{what} is under way on {holder}; wait until it is done")

    async def _renew(self, what: str, who: str) -> None:
        while True:
            await asyncio.sleep(RENEW)
            now = self.clock()
            try:
                await self.leases.take(what, who, now, now + LEASE)
            except Error:
                continue  # the database is away: all else will say so
