"""Whether everything that is kept is what it was.

What was verified, and has not changed since, is not read again. Blobs are looked at in 256 parts,
by the first digits of their digests: each part fits into memory, and is done when it is noted.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from msgspec import Struct

from cloche.core.model import Digest
from cloche.ports import Audit, Blobs, Clock, Inspection, Need, Spoilt, Stored, Verified

SHARDS = [f"{number:02x}" for number in range(256)]
AT_ONCE = 128  # blobs that are hashed in one go, by one thread
ENOUGH = 64 << 20  # bytes of such a go
PAGES = 500  # pages that are read in one go

Kind = Literal["bytes", "size", "missing", "page"]


class Wrong(Struct, frozen=True, kw_only=True):
    """Something that is not what it was, and which rows that concerns: none, if it is nobody's."""

    kind: Kind
    why: str
    digest: Digest | None = None
    needs: tuple[Need, ...] = ()
    page: Spoilt | None = None


class Looked(Struct, frozen=True):
    """So many blobs or pages are to be read, of so many bytes."""

    files: int
    size: int


class Read(Struct, frozen=True):
    """So many of them have been read."""

    files: int
    size: int


class Known(Struct, frozen=True):
    """So many were verified before, and have not changed."""

    files: int


Found = Looked | Read | Known | Wrong
Take = Callable[[Found], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Verify:
    blobs: Blobs
    inspection: Inspection
    audit: Audit
    clock: Clock

    async def run(
        self, places: Collection[str] | None, before: datetime, jobs: int, take: Take
    ) -> None:
        """Verify what these indexes and upstreams have, or everything, with so many at work.

        Blobs and pages that were verified `before` or never are read; `take` is told what is
        found. Raise StorageDown.
        """
        await self.blobs.check()
        shards = iter(SHARDS)
        # One more than hash: one of them lists, or asks the catalog.
        work = [self._work(shards, places, before, take) for _ in range(jobs + 1)]
        tasks = [asyncio.create_task(each) for each in (*work, self._pages(places, before, take))]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(
        self, shards: Iterator[str], places: Collection[str] | None, before: datetime, take: Take
    ) -> None:
        for shard in shards:
            await self._shard(shard, places, before, take)

    async def _shard(
        self,
        shard: str,
        places: Collection[str] | None,
        before: datetime,
        take: Take,
    ) -> None:
        # In this order: a blob is there before its row is.
        needs = _by_digest(await self.audit.needs(shard, places))
        known = await self.audit.verified(shard)
        stored = {each.digest: each async for each in self.inspection.stored(shard)}
        for digest in needs.keys() - stored.keys():
            await self._missing(digest, take)
        ours = stored.values() if places is None else [stored[d] for d in needs.keys() & stored]
        due = [each for each in ours if _is_due(each, known.get(each.digest), before)]
        await take(Known(len(ours) - len(due)))
        await take(Looked(len(due), sum(each.size for each in due)))
        for part in _parts(due):
            await self._read(part, needs, take)
        await self.audit.note([], [digest for digest in known if digest not in stored])

    async def _read(
        self,
        part: Sequence[Stored],
        needs: dict[Digest, list[Need]],
        take: Take,
    ) -> None:
        now = self.clock()
        hashed = await self.inspection.hashed([each.digest for each in part])
        well, bad = [], []
        for each, digest in zip(part, hashed, strict=True):
            if digest == each.digest:
                well.append(Verified(digest=digest, size=each.size, modified=each.modified, at=now))
            elif digest is not None:
                bad.append(each.digest)
        await self.audit.note(well, bad)
        for wrong in bad:
            why = "its bytes are not those that its sha256 names"
            mine = tuple(needs.get(wrong) or await self.audit.needs(wrong, None))
            await take(Wrong(kind="bytes", why=why, digest=wrong, needs=mine))
        for blob in well:
            await self._sized(blob, needs.get(blob.digest, []), take)
        await take(Read(len(part), sum(each.size for each in part)))

    async def _sized(self, blob: Verified, needs: Sequence[Need], take: Take) -> None:
        """The bytes are right: then a row that says another size is wrong."""
        lies = tuple(n for n in needs if n.size is not None and n.size != blob.size)
        if lies:
            why = f"it has {blob.size} bytes, and is recorded with {lies[0].size}"
            await take(Wrong(kind="size", why=why, digest=blob.digest, needs=lies))

    async def _missing(self, digest: Digest, take: Take) -> None:
        """Look again: what is deleted meanwhile is not missing."""
        needs = tuple(await self.audit.needs(digest, None))
        if needs and await self.blobs.size(digest) is None:
            why = "its bytes are not there"
            await take(Wrong(kind="missing", why=why, digest=digest, needs=needs))

    async def _pages(
        self,
        places: Collection[str] | None,
        before: datetime,
        take: Take,
    ) -> None:
        last, read, spoilt = await self._some_pages(0, places, before)
        while last:
            await take(Looked(read, 0))
            for each in spoilt:
                await take(Wrong(kind="page", why=f"it {each.why}", page=each))
            await take(Read(read, 0))
            last, read, spoilt = await self._some_pages(last, places, before)

    async def _some_pages(
        self, after: int, places: Collection[str] | None, before: datetime
    ) -> tuple[int, int, list[Spoilt]]:
        return await self.audit.spoilt(after, PAGES, before, places, self.clock())


def _is_due(blob: Stored, known: Verified | None, before: datetime) -> bool:
    return (
        known is None
        or known.at < before
        or (known.size, known.modified) != (blob.size, blob.modified)
    )


def _by_digest(needs: Sequence[Need]) -> dict[Digest, list[Need]]:
    found: dict[Digest, list[Need]] = {}
    for each in needs:
        found.setdefault(each.digest, []).append(each)
    return found


def _parts(due: Sequence[Stored]) -> Iterator[list[Stored]]:
    """Few large ones or many small ones."""
    part: list[Stored] = []
    size = 0
    for each in due:
        part.append(each)
        size += each.size
        if len(part) == AT_ONCE or size >= ENOUGH:
            yield part
            part, size = [], 0
    if part:
        yield part
