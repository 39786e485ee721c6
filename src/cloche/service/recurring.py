"""What a server does by itself now and then: in one process of all nodes, whichever is first."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from cloche.core.errors import Error
from cloche.logs import Log
from cloche.ports import Clock, Leases

log = Log(__name__)

LONGEST = 60.0  # seconds between two looks at whether it is time


@dataclass(frozen=True, slots=True)
class Recurring:
    """A chore of a name that is its own."""

    chore: str
    every: timedelta
    do: Callable[[], Awaitable[None]]
    leases: Leases
    clock: Clock

    async def run(self) -> None:
        """Do it for ever. What goes wrong is told, and tried again when it is time again."""
        while True:
            await asyncio.sleep(min(LONGEST, self.every.total_seconds() / 4))
            try:
                await self.look()
            except Error as e:
                log.warning("a chore failed", chore=self.chore, error=str(e))

    async def look(self) -> bool:
        """Do it, if it is time; return whether it was.

        A turn is a lease that nobody gives back: until it ends nobody has another, this process
        neither.
        """
        now = self.clock()
        if await self.leases.take(self.chore, uuid4().hex, now, now + self.every) is not None:
            return False
        await self.do()
        return True
