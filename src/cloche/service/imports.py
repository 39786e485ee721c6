"""Bringing over what another system has kept: many at once, and each thing told as it happens."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from cloche.core.errors import Error, StorageDown, StorageFull
from cloche.core.model import ProjectName
from cloche.ports import Find, Hashed, Lot, Stock


class Found(Struct, frozen=True, tag_field="event", tag="found"):
    """There is so much more to bring."""

    files: int
    size: int


class Brought(Struct, frozen=True, kw_only=True, tag_field="event", tag="brought"):
    """A file is here now, or would be. `stated`: its system had recorded when it was uploaded."""

    path: str
    filename: str
    project: ProjectName
    size: int
    uploaded_at: datetime
    stated: bool


class Here(Struct, frozen=True, kw_only=True, tag_field="event", tag="here"):
    """The very same file was here before."""

    path: str
    filename: str
    size: int


class Refused(Struct, frozen=True, kw_only=True, tag_field="event", tag="refused"):
    """What is not brought, and why."""

    path: str
    why: str
    size: int = 0


class Paged(Struct, frozen=True, tag_field="event", tag="paged"):
    """What the upstream said of a project is kept."""

    project: ProjectName


class Documented(Struct, frozen=True, tag_field="event", tag="documented"):
    """A project has its documentation."""

    project: ProjectName
    path: str


Event = Found | Brought | Here | Refused | Paged | Documented
Tell = Callable[[Event], None]

FATAL = (StorageFull, StorageDown)
"""What the next file would meet as well."""


class Destination(Protocol):
    async def begin(self, lot: Lot) -> Event | None:
        """Make ready for a lot. Raise an Error when none of it can be brought."""

    async def bring(self, lot: Lot, find: Find) -> Event:
        """Bring a file, or find that it is here. Raise an Error when neither is so."""

    async def finish(self, lot: Lot) -> Event | None:
        """Bring what goes with a lot's files."""

    async def end(self) -> None:
        """Return when every worker and node serves what was brought."""


@dataclass(frozen=True, slots=True)
class Import:
    stock: Stock
    destination: Destination

    async def run(self, *, jobs: int) -> AsyncGenerator[Event, None]:
        """Bring all of the stock, `jobs` lots at once; what cannot be brought is an event.

        Whoever closes the events stops it. Raise what ends all of it, such as StorageFull.
        """
        # Not bounded: whoever is cancelled would wait for room that nobody makes any more.
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        work = asyncio.get_running_loop().create_task(self._work(events.put_nowait, jobs))
        work.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            work.result()
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _work(self, tell: Tell, jobs: int) -> None:
        lots: asyncio.Queue[Lot | None] = asyncio.Queue(maxsize=2 * jobs)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._feed(lots, tell, jobs))
                for _ in range(jobs):
                    group.create_task(self._bring(lots, tell))
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None
        await self.destination.end()

    async def _feed(self, lots: asyncio.Queue[Lot | None], tell: Tell, jobs: int) -> None:
        async for lot in self.stock.lots():
            if lot.finds or lot.left:
                sizes = sum(find.size for find in lot.finds)
                tell(Found(len(lot.finds) + len(lot.left), sizes))
            await lots.put(lot)
        for _ in range(jobs):
            await lots.put(None)

    async def _bring(self, lots: asyncio.Queue[Lot | None], tell: Tell) -> None:
        while (lot := await lots.get()) is not None:
            async for event in self._all_of(lot):
                tell(event)

    async def _all_of(self, lot: Lot) -> AsyncGenerator[Event, None]:
        for left in lot.left:
            yield Refused(path=left.path, why=left.why)
        try:
            if (event := await self.destination.begin(lot)) is not None:
                yield event
        except FATAL:
            raise
        except Error as e:
            for find in lot.finds:
                yield refused(find, e)
            return
        for find in lot.finds:
            yield await self._one(lot, find)
        if (event := await self._last(lot)) is not None:
            yield event

    async def _one(self, lot: Lot, find: Find) -> Event:
        try:
            return await self.destination.bring(lot, find)
        except FATAL:
            raise
        except Error as e:
            return refused(find, e)

    async def _last(self, lot: Lot) -> Event | None:
        try:
            return await self.destination.finish(lot)
        except FATAL:
            raise
        except Error as e:
            return Refused(path=lot.guide.path if lot.guide else "", why=e.detail)


def refused(find: Find, error: Error) -> Refused:
    return Refused(path=find.path, why=error.detail, size=find.size)


def here(find: Find) -> Here:
    return Here(path=find.path, filename=find.filename, size=find.size)


def contradicted(find: Find, content: Hashed) -> str | None:
    """How the bytes differ from what the stock's own records state; None if they do not."""
    for name, said in find.hashes.items():
        found = content.digests.get(name)
        if found is not None and found != said:
            return f"its records state {name} {said}, but the file has {found}"
    return None
