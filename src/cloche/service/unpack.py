"""Applying a bundle: files first, unseen, then all pages at once.

It was read to its end before, and is read again here: bytes that are others by now are refused.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from msgspec import Struct

from cloche.core.bundles import Entry, Load, Mark, Member, check_turn, here
from cloche.core.errors import BadBundle, StorageFull
from cloche.core.quantities import readable
from cloche.ports import Blobs, Carried, Clock, Pulse, Spool
from cloche.ports.bundles import Change

MARGIN = 64 << 20
"""Bytes beside a bundle's own that must be free: for pages, rows and the journal."""

BATCH = 100  # projects read at once


class Parcel(Protocol):
    """A bundle, as far as applying it needs it. All of it blocks."""

    def entries(self) -> Iterator[Entry]: ...

    def pages(self) -> Iterator[tuple[Entry, bytes | None]]: ...

    def files(self) -> Iterator[tuple[Entry, Member, Iterator[bytes]]]: ...


class Plan(Struct, frozen=True, kw_only=True):
    """What applying a bundle would do."""

    last: Mark | None  # what was applied before
    files: int  # that are not here yet
    size: int  # of these
    largest: int
    changed: int
    gone: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unpack:
    carried: Carried
    blobs: Blobs
    spool: Spool
    pulse: Pulse
    clock: Clock

    async def plan(self, upstream: str, load: Load, parcel: Parcel) -> Plan:
        """Raise BadBundle when it is not its turn, or what it stands on is not here."""
        last = await self.carried.mark(upstream)
        check_turn(upstream, load, last)
        files = size = largest = changed = 0
        async for entry in _walk(parcel.entries):
            changed += bool(entry.packed)
            for member in await self._missing(entry):
                files, size = files + 1, size + member.size
                largest = max(largest, member.size)
        gone = await self.carried.gone(upstream, parcel.entries())
        return Plan(
            last=last, files=files, size=size, largest=largest, changed=changed, gone=tuple(gone)
        )

    async def _missing(self, entry: Entry) -> list[Member]:
        """The files in the bundle that are not in the store.

        Raise BadBundle when there are neither here nor there the bytes of a page's file.
        """
        brought = {member.sha256 for member in here(entry)}
        missing = []
        for member in entry.files if entry.packed or brought else ():
            if await self._is_here(member):
                continue
            if member.here:
                missing.append(member)
            elif member.sha256 not in brought:
                raise BadBundle(
                    f"the bundle supposes {member.filename} to be here, and it is not; apply the "
                    "one before it again, or a whole one"
                )
        return missing

    async def _is_here(self, member: Member) -> bool:
        return await self.blobs.size(member.sha256) == member.size

    async def fill(self, parcel: Parcel) -> AsyncGenerator[Member, None]:
        """Put every file into the store that is not there. Nothing shows any of them yet."""
        walk = parcel.files()
        while (found := await asyncio.to_thread(next, walk, None)) is not None:
            _, member, chunks = found
            if not await self._is_here(member):
                await self._put(member, chunks)
            yield member

    async def _put(self, member: Member, chunks: Iterator[bytes]) -> None:
        with self.spool.scratch() as scratch:
            while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
                await scratch.write(chunk)
            spooled = scratch.spooled
            if (spooled.digest, spooled.size) != (member.sha256, member.size):
                raise BadBundle(f"{member.filename} came otherwise than it was read before; again")
            await self.blobs.put(spooled)

    async def show(self, upstream: str, load: Load, parcel: Parcel, who: str) -> Change:
        """Show what the bundle says, in place of what was there.

        Raise BadBundle when a file was swept away meanwhile, or another bundle came first.
        """
        async for entry in _walk(parcel.entries):
            lost = await self._missing(entry)
            if lost:
                raise BadBundle(f"{lost[0].filename} was swept away again; apply the bundle again")
        done = await self.carried.apply(upstream, load, parcel.pages(), self.clock(), who)
        await self.pulse.settle()
        return done


async def _walk(entries: Callable[[], Iterator[Entry]]) -> AsyncGenerator[Entry, None]:
    """Entries, read in a thread, so many at once that waking it costs little."""
    walk = entries()
    while batch := await asyncio.to_thread(_some, walk):
        for entry in batch:
            yield entry


def _some(walk: Iterator[Entry]) -> list[Entry]:
    return list(islice(walk, BATCH))


def check_room(plan: Plan, free: dict[str, int]) -> None:
    """Raise StorageFull unless all of it fits where bytes are free, by the place's name."""
    for place, room in free.items():
        needed = (plan.size if place == "blobs" else plan.largest) + MARGIN
        if plan.files and room < needed:
            raise StorageFull(
                f"the bundle needs {readable(needed)} on the disk of the {place}, and "
                f"{readable(room)} are free; make room there"
            )
