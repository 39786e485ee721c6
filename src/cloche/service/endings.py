"""The ends of rulings, for mirrors: at such an instant the project's serial moves."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from cloche.core.errors import Error
from cloche.core.model import ProjectName
from cloche.core.policy import FOREVER
from cloche.logs import Log
from cloche.ports import Clock, Endings

log = Log(__name__)

EVERY = 5.0  # seconds between two looks
MOST = 10_000  # that wait to be written down: of more, those that are asked for again will be
AT_ONCE = 500  # entries in one transaction


@dataclass(frozen=True, slots=True)
class Ends:
    """Any number of processes may do this at once: each end is journaled once."""

    endings: Endings
    clock: Clock
    every: float = EVERY
    _noted: dict[tuple[str, ProjectName], datetime] = field(default_factory=dict)

    def note(self, index: str, project: ProjectName, until: datetime) -> None:
        """Take note of when the rulings of a page end. Nobody waits for that."""
        place = (index, project)
        if until < FOREVER and (place in self._noted or len(self._noted) < MOST):
            self._noted[place] = min(until, self._noted.get(place, until))

    async def keep(self) -> None:
        """Write down what was noted and journal what has ended, for ever; once more at the end."""
        try:
            while True:
                await asyncio.sleep(self.every)
                await self.look()
        finally:
            await self._write()

    async def look(self) -> None:
        """Do so once. What goes wrong is told, and tried again."""
        await self._write()
        try:
            while await self.endings.tell(self.clock(), AT_ONCE) == AT_ONCE:
                pass
        except Error as e:
            log.warning("mirrors are not told of rulings that ended", error=str(e))

    async def _write(self) -> None:
        noted = dict(self._noted)
        if not noted:
            return
        try:
            await self.endings.note(noted)
        except Error as e:
            log.warning("cannot note when rulings end", error=str(e))
            return
        for place, until in noted.items():
            if self._noted.get(place) == until:
                del self._noted[place]
