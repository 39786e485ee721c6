"""A wheel's metadata where its upstream has none beside it: read out of the wheel's end."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from cloche.core.archive import wheel_metadata
from cloche.core.errors import (
    BadName,
    BadUpload,
    NoSuchFile,
    StorageFull,
    TooLarge,
    TransferBroken,
    UpstreamDown,
    UpstreamLies,
)
from cloche.core.filenames import Named, parse
from cloche.core.model import Artifact, Digest
from cloche.core.pieces import Gap, Pieces
from cloche.logs import Log
from cloche.ports import Spool, Transfer, Upstream
from cloche.service.fetch import Fetch

log = Log(__name__)

PIECE = 64 << 10  # bytes asked for at once: the list of 400 members, and METADATA, mostly
MAX_PIECE = 8 << 20  # beyond that the whole wheel is fetched
PIECES = 5  # requests for one wheel: end, list, METADATA's head, METADATA


class _NoRanges(UpstreamLies):
    """The upstream does not send the part that it is asked for."""


@dataclass
class Within:
    """At most one reading of each wheel in the node; what is read is kept like any file."""

    fetch: Fetch
    upstreams: Mapping[str, Upstream]
    spool: Spool
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def extract(self, wheel: Artifact, metadata: Artifact) -> None:
        """Read `metadata` out of `wheel`, and keep it.

        Raise UpstreamLies when the wheel has none that can be read, or is there no more, and what
        `Fetch.open` raises when it cannot be had.
        """
        slot = f"{wheel.upstream} {metadata.slot}"
        task = self._tasks.get(slot)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._extract(wheel, metadata))
            self._tasks[slot] = task
            task.add_done_callback(partial(self._ended, slot))
        await asyncio.shield(task)

    async def close(self) -> None:
        """Stop reading."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, slot: str, task: asyncio.Task[None]) -> None:
        del self._tasks[slot]
        if not task.cancelled():
            task.exception()  # those who waited have it; nobody may be left to take it

    async def _extract(self, wheel: Artifact, metadata: Artifact) -> None:
        async with self.spool.lock(f"within {wheel.upstream} {metadata.slot}"):
            if await self.fetch.kept(metadata) is None:
                await self.fetch.keep(metadata, await self._read(wheel))

    async def _read(self, wheel: Artifact) -> bytes:
        named = _named(wheel)
        is_large = wheel.size is None or wheel.size > PIECE
        if is_large and await self.fetch.kept(wheel) is None:
            try:
                return await self._by_ranges(wheel, named)
            except TransferBroken:
                raise
            except (BadUpload, NoSuchFile, TooLarge, UpstreamDown, UpstreamLies) as e:
                log.info("metadata not read by ranges", filename=wheel.filename, error=str(e))
        return await self._whole(wheel, named)

    async def _whole(self, wheel: Artifact, named: Named) -> bytes:
        """Read it from the wheel in the store, which is fetched if it is not there."""
        digest, size = await self._brought(wheel)
        pieces = Pieces(size)
        while True:
            try:
                return await asyncio.to_thread(wheel_metadata, named, pieces)
            except BadUpload as e:
                raise _unreadable(wheel, str(e)) from None
            except Gap as gap:
                start, stop = _wanted(gap, size)
                chunks = [c async for c in self.fetch.blobs.read(digest, start, stop)]
                pieces.add(start, b"".join(chunks))

    async def _brought(self, wheel: Artifact) -> tuple[Digest, int]:
        """The whole wheel, in the store."""
        try:
            async for _ in self.fetch.bring(wheel):
                pass
        except NoSuchFile:
            raise _unreadable(wheel, "its upstream lists it, and has it no longer") from None
        kept = await self.fetch.kept(wheel)
        if kept is None:
            raise StorageFull(f"{wheel.filename} cannot be kept here; make room in the store")
        return kept

    async def _by_ranges(self, wheel: Artifact, named: Named) -> bytes:
        """Read it from as few parts of the wheel as will do. Raise BadUpload or _NoRanges."""
        upstream = self.upstreams[wheel.upstream]
        pieces = await self._first(upstream, wheel)
        for _ in range(PIECES):
            try:
                return wheel_metadata(named, pieces)
            except Gap as gap:
                start, stop = _wanted(gap, pieces.size)
                if stop - start > MAX_PIECE:
                    break
                async with upstream.transfer(wheel, start, None) as transfer:
                    pieces.add(start, await _part(transfer, start, stop))
        raise _NoRanges(f"{wheel.filename} is of too many parts; it is fetched whole")

    async def _first(self, upstream: Upstream, wheel: Artifact) -> Pieces:
        """The parts of a wheel of which none is here yet, if need be by a look at its size."""
        if wheel.size is not None:
            return Pieces(wheel.size)
        async with upstream.transfer(wheel, 0, None) as transfer:
            if transfer.total is None:
                raise _NoRanges(f"{wheel.upstream} does not say how long {wheel.filename} is")
            pieces = Pieces(transfer.total)
            if transfer.total <= PIECE:
                pieces.add(0, await _part(transfer, 0, transfer.total))
            return pieces


def _named(wheel: Artifact) -> Named:
    try:
        return parse(wheel.filename)
    except BadName as e:
        raise _unreadable(wheel, str(e)) from None


async def _part(transfer: Transfer, start: int, stop: int) -> bytes:
    """Bytes `start` up to `stop`, and no more than it takes to have them."""
    if transfer.start != start:
        raise _NoRanges("it sends another part than it was asked for")
    got = bytearray()
    async for chunk in transfer.chunks:
        got += chunk
        if len(got) >= stop - start:
            break
    if len(got) < stop - start:
        raise TransferBroken("the transfer ended early; try again")
    return bytes(got[: stop - start])


def _wanted(gap: Gap, size: int) -> tuple[int, int]:
    """What to ask for, so that the next gap is in it too.

    The list lies before the end, METADATA mostly before the list, and its content behind its head.
    """
    if gap.stop == size:
        return max(0, min(gap.start, size - PIECE)), size
    if gap.stop > size - PIECE:
        return max(0, gap.start - PIECE), gap.stop
    return gap.start, min(size, max(gap.stop, gap.start + PIECE))


def _unreadable(wheel: Artifact, cause: str) -> UpstreamLies:
    return UpstreamLies(
        f"the metadata of {wheel.filename} cannot be read out of it: {cause}; "
        "choose another version, or tell its publisher"
    )
