"""Who works on the projects of a mirror: this process, and others beside it when there are many."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cloche.core.mirrors import Mirrored
from cloche.service.one import One, Result, Watch

LEAST = 4  # projects that a process has under way, however few requests it may make


class Hand(Protocol):
    """Another process, which settles projects as `One` does."""

    async def ready(self) -> bool:
        """Whether it can begin, as soon as that is known."""

    async def settle(self, row: Mirrored, watch: Watch) -> Result | None:
        """Have it done; None when the process has ended over it. Raise what `One` does."""

    async def dismiss(self) -> None:
        """Have the process end, and wait for that."""


Hire = Callable[[int, bool], Hand]
"""Starts a process, for so many requests under way at once; and whether the upstream itself says
that its projects are there."""


@dataclass
class Crew:
    """Whoever is free takes the next project, so that all are through at the same time."""

    one: One
    jobs: int  # requests under way at once, in all processes together
    processes: int = 1  # at most
    many: int = 1  # projects at once, from which on there is more than one
    hire: Hire | None = None
    _hands: list[Hand] = field(default_factory=list, init=False)
    _ready: list[Hand] = field(default_factory=list, init=False)  # they have slots of this process

    async def drain(
        self,
        batches: AsyncIterator[Sequence[Mirrored]],
        watch: Watch,
        came: Callable[[Result], None],
    ) -> None:
        """Settle all of them, many at once, and say what came of each.

        Raise an ExceptionGroup with what ends all.
        """
        shift = _Shift(self, watch, came, asyncio.Queue(max(LEAST, self.jobs)))
        async with asyncio.TaskGroup() as group:
            here = [group.create_task(shift.here(each)) for each in range(self.under_way)]
            late = [group.create_task(shift.join(group, hand)) for hand in self._hands]
            async for rows in batches:
                watch.expect(projects=len(rows))
                late += [group.create_task(shift.join(group, one)) for one in self._hired(rows)]
                for row in rows:
                    await shift.queue.put(row)
            await shift.queue.put(None)
            await asyncio.wait(here)
            for joining in late:
                joining.cancel()  # who is not ready by now is not needed

    async def close(self) -> None:
        """Dismiss everybody."""
        hands, self._hands = self._hands, []
        await asyncio.gather(*(each.dismiss() for each in hands))

    @property
    def under_way(self) -> int:
        """Projects that each process has under way at most: most have few files."""
        return max(LEAST, self.jobs // 2 // (1 + len(self._ready)))

    @property
    def share(self) -> int:
        return max(1, self.jobs // self.processes)

    def _hired(self, rows: Sequence[Mirrored]) -> Sequence[Hand]:
        if self.hire is None or self._hands or len(rows) < self.many:
            return ()
        beside = range(1, self.processes)
        self._hands = [self.hire(self.share, self.one.is_listed) for _ in beside]
        return self._hands

    async def admit(self, hand: Hand) -> None:
        """Give a hand its slots, as they get free here."""
        taken = 0
        try:
            while taken < self.share:
                await self.one.slots.acquire()
                taken += 1
        except asyncio.CancelledError:
            self._free(taken)
            raise
        self._ready.append(hand)

    def lose(self, hand: Hand) -> None:
        """A process has ended: its slots are used here."""
        if hand in self._ready:
            self._ready.remove(hand)
            self._free(self.share)

    def _free(self, slots: int) -> None:
        for _ in range(slots):
            self.one.slots.release()

    def has(self, hand: Hand) -> bool:
        """Whether it has its slots."""
        return hand in self._ready


@dataclass(frozen=True, slots=True)
class _Shift:
    """Projects to be settled: one queue for all. None ends it."""

    crew: Crew
    watch: Watch
    came: Callable[[Result], None]
    queue: asyncio.Queue[Mirrored | None]

    async def here(self, number: int) -> None:
        await self._work(number, self._mine)

    async def join(self, group: asyncio.TaskGroup, hand: Hand) -> None:
        """Let it work too, as soon as it can."""
        if not await hand.ready():
            return
        if not self.crew.has(hand):
            await self.crew.admit(hand)

        async def theirs(row: Mirrored) -> Result:
            result = await hand.settle(row, self.watch)
            if result is None:
                self.crew.lose(hand)
                return await self._mine(row)
            return result

        for number in range(self.crew.under_way):
            group.create_task(self._work(number, theirs))

    async def _mine(self, row: Mirrored) -> Result:
        return await self.crew.one.settle(row, self.watch)

    async def _work(self, number: int, settle: Callable[[Mirrored], Awaitable[Result]]) -> None:
        """One after the other, until there are more of us than may have one under way."""
        while number < self.crew.under_way:
            row = await self.queue.get()
            if row is None:
                self.queue.put_nowait(None)  # for the next
                return
            self.came(await settle(row))
