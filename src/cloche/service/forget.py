"""What has been kept long enough."""

from dataclasses import dataclass
from datetime import timedelta

from cloche.logs import Log
from cloche.ports import Accesses, Clock

log = Log(__name__)

AT_ONCE = 5000
"""Entries of one transaction: whoever writes at the same time waits no longer than for those."""


@dataclass(frozen=True, slots=True)
class Forget:
    accesses: Accesses
    clock: Clock

    async def run(self, older_than: timedelta) -> int:
        """Remove what the access journal has that is older; return how many entries there were."""
        before = self.clock() - older_than
        gone = more = await self.accesses.forget(before, AT_ONCE)
        while more == AT_ONCE:
            more = await self.accesses.forget(before, AT_ONCE)
            gone += more
        if gone:
            log.info("forgotten", accesses=gone)
        return gone
