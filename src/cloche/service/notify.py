"""Webhooks: following the journal, and telling each who listens what it wants to hear.

At least once, and in the order of the journal: what is not taken is told again, later and later,
and what comes after it waits.
"""

import asyncio
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from uuid import uuid4

from cloche.core import hooks
from cloche.core.errors import Error
from cloche.core.hooks import Hook, Told
from cloche.logs import Log
from cloche.ports import Clock, Courier, Cursors, Pulse
from cloche.service.view import View

log = Log(__name__)

POLL = 1.0  # seconds between two looks at the pulse, which cost microseconds
AT_ONCE = 100  # entries
LEASE = timedelta(seconds=60)  # longer than one telling may take
LATEST = 300.0  # seconds between two tries at the most


@dataclass(frozen=True, slots=True)
class Notify:
    hooks: Sequence[Hook]
    view: View
    cursors: Cursors
    courier: Courier
    pulse: Pulse
    clock: Clock
    base: str = ""  # where users see this server, if that is known

    async def run(self) -> None:
        """Tell for ever. Any number of processes may do so at once."""
        who = uuid4().hex
        await asyncio.gather(*(self._follow(Line(hook, who)) for hook in self.hooks))

    async def _follow(self, line: "Line") -> None:
        while True:
            try:
                await self.look(line)
            except Error as e:
                line.again = monotonic() + POLL
                log.warning("could not look for what to tell", webhook=line.hook.name, error=str(e))
            await asyncio.sleep(POLL)

    async def look(self, line: "Line") -> None:
        """Tell what is new, if anybody has written since the last look, or a try is due."""
        now, beat = monotonic(), self.pulse.beat()
        if now < line.again if line.waits else beat == line.beat:
            return
        line.beat, line.again = beat, math.inf
        line.seen = max(line.seen, await self.cursors.cursor(line.hook.name))
        while found := await self.cursors.told(line.hook.actions, line.seen, AT_ONCE):
            wanted = [each for each in found if self._wanted(line.hook, each)]
            if wanted and not await self._tell_all(line, wanted):
                if not line.waits:  # another tells, or waits for its next try
                    line.again = now + LEASE.total_seconds()
                return
            line.seen = found[-1].serial

    async def _tell_all(self, line: "Line", wanted: Sequence[Told]) -> bool:
        """Return whether all were told, by whomever."""
        name, now = line.hook.name, self.clock()
        cursor = await self.cursors.take(name, line.who, now, now + LEASE)
        if cursor is None:
            return False
        for each in wanted:
            if each.serial > cursor and not await self._tell(line, each):
                return False
        await self.cursors.take(name, line.who, now, now)  # for whoever comes next
        return True

    async def _tell(self, line: "Line", told: Told) -> bool:
        """Return whether it goes on from here."""
        hook, now = line.hook, self.clock()
        content = hooks.body(told, self.base)
        try:
            await self.courier.post(hook.url, content, hooks.headers(hook, told, now, content))
        except Error as e:
            if now < told.at + timedelta(hours=hook.give_up):
                await self._wait(line, str(e))
                return False
            log.warning("gave up telling", webhook=hook.name, serial=told.serial, error=str(e))
        line.failures = 0
        until = self.clock() + LEASE
        return await self.cursors.move(hook.name, line.who, told.serial, until)

    async def _wait(self, line: "Line", error: str) -> None:
        """Try again later, and keep others from trying before that."""
        pause = min(LATEST, 2.0**line.failures)
        line.failures += 1
        line.again = monotonic() + pause
        log.warning("not taken", webhook=line.hook.name, error=error, again_in=pause)
        now = self.clock()
        await self.cursors.take(line.hook.name, line.who, now, now + timedelta(seconds=pause))

    def _wanted(self, hook: Hook, told: Told) -> bool:
        return told.event in hook.events and (
            not hook.indexes
            or told.place in self._places(hook)
            # What is of no index or upstream concerns all of them.
            or told.place not in {*self.view.indexes, *self.view.upstreams}
        )

    def _places(self, hook: Hook) -> Collection[str]:
        return {place for index in hook.indexes for place in self.view.closure(index)}


@dataclass(slots=True)
class Line:
    """How far one webhook is, as this process knows it."""

    hook: Hook
    who: str
    seen: int = 0  # the last entry that was looked at
    beat: int | None = None
    failures: int = 0
    again: float = field(default=math.inf)  # when to try once more

    @property
    def waits(self) -> bool:
        return self.again is not math.inf
