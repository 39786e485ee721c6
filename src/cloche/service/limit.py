"""Keeping the cache within its limit while the server runs: in one process of all nodes."""

import asyncio
import os
import socket
import time
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

from cloche.core.errors import Error
from cloche.logs import Log
from cloche.ports import Clock, Leases
from cloche.service.evict import Evict

log = Log(__name__)

CHORE = "cache limit"
EVERY = 60.0  # seconds between two looks
SHARE = 50  # a look may take so much less than what lies between two
LEASE = timedelta(hours=1)  # after which another process takes over from one that hangs


@dataclass
class Limit:
    evict: Evict
    leases: Leases
    clock: Clock
    limit: int  # bytes
    every: float = EVERY
    _who: str = field(
        default_factory=lambda: f"{socket.gethostname()} {os.getpid()} {uuid4().hex[:8]}"
    )

    async def keep(self) -> None:
        """Look now and then, for ever. What goes wrong is told, and tried again."""
        while True:
            began = time.monotonic()
            try:
                await self.look()
            except Error as e:
                log.warning("the cache is not kept within its limit", error=e.detail)
            await asyncio.sleep(max(self.every, SHARE * (time.monotonic() - began)))

    async def look(self) -> bool:
        """Look once, unless another process does; return whether this one did."""
        now = self.clock()
        if await self.leases.take(CHORE, self._who, now, now + LEASE) is not None:
            return False
        await self.evict.run(self.limit)
        return True
