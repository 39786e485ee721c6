"""The cache within its limit: the least recently used of the upstreams' files go first.

What goes is fetched anew when somebody asks for it. Never uploads, and never what a snapshot
shows, what was used a moment ago, or what its upstream has no more.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import Struct

from cloche.core.model import Digest, Held
from cloche.logs import Log
from cloche.ports import Accesses, Blobs, Clock, Fetched, Holdings, Idle, Sought, Upkeep, Usage
from cloche.service.pinned import Pinned, Pins

log = Log(__name__)

LATELY = timedelta(minutes=10)
"""What was used since stays: the access journal is written behind, and a row after its blob."""

AT_ONCE = 1000  # blobs that are thought about together
ENTRIES = 5000  # of the access journal that are read together


class Gone(Struct, frozen=True, kw_only=True):
    """Bytes that went, or would go, and the files that they were."""

    digest: Digest
    size: int
    files: tuple[Held, ...]


class Evicted(Struct, frozen=True, kw_only=True):
    """What it came to. `left`: bytes that the cache has now, or would have."""

    files: int
    size: int
    left: int


Tell = Callable[[Gone], None]


@dataclass(frozen=True, slots=True)
class Evict:
    blobs: Blobs
    upkeep: Upkeep
    usage: Usage
    accesses: Accesses
    holdings: Holdings
    pins: Pins
    upstreams: Collection[str]
    spared: Collection[str]  # upstreams of which all is wanted: mirrors'
    clock: Clock

    async def run(self, limit: int, *, dry_run: bool = False, tell: Tell | None = None) -> Evicted:
        """Let go of so much that at most `limit` bytes of upstreams' files are kept."""
        await self.learn()
        left = await self.usage.total()
        files, size = 0, 0
        before, after = self.clock() - LATELY, None
        pinned = await self.pins.now()
        while left > limit:
            batch = await self.usage.oldest(after, before, AT_ONCE, self.spared)
            if not batch:
                break
            after = batch[-1]
            for idle in batch:
                if left <= limit:
                    break
                gone = await self.let_go(idle, before, "limit", pinned, dry_run=dry_run)
                if gone is not None:
                    files, size, left = files + 1, size + gone.size, left - gone.size
                    if tell is not None:
                        tell(gone)
        if files and not dry_run:
            log.info("evicted", files=files, bytes=size, left=left)
        return Evicted(files=files, size=size, left=left)

    async def let_go(
        self, idle: Idle, before: datetime, why: str, pinned: Pinned, *, dry_run: bool
    ) -> Gone | None:
        """Let go of bytes that were not used since `before`; None if they must stay."""
        files = await self.usage.files(idle.digest)
        for each in files:
            if await pinned.holds(each):
                return None
        if not files:
            return None
        if not dry_run:
            gone = await self.usage.evict(files, before, self.clock(), why)
            if len(gone) < len(files) or not await self._delete(idle.digest, before):
                return None
        return Gone(digest=idle.digest, size=idle.size, files=tuple(files))

    async def forget(self, held: Held, before: datetime, why: str) -> bool:
        """Let go of one file, and of its bytes if they are nothing else; False if it was used."""
        if not await self.usage.evict([held], before, self.clock(), why):
            return False
        await self._delete(held.digest, before)
        return True

    async def _delete(self, digest: Digest, before: datetime) -> bool:
        """Rows first: killed in between, the bytes are nobody's, and swept."""
        if await self.upkeep.referenced([digest]):
            return False
        await self.blobs.delete(digest, before=before)
        return True

    async def learn(self) -> None:
        """Find out from the access journal what was used since the last time."""
        read = await self._position()
        while entries := await self.accesses.after(read, ENTRIES):
            last: dict[Digest, datetime] = {}
            for each in entries:
                for digest in await self._digests(each.fetched):
                    last[digest] = max(each.fetched.at, last.get(digest, each.fetched.at))
            read = entries[-1].number
            await self.usage.used(last, read)

    async def _position(self) -> int:
        """SQLite numbers from 1 again when all entries are forgotten."""
        read, newest = await self.usage.read(), await self.accesses.find(Sought(), 1)
        return 0 if newest and newest[0].number < read else read

    async def _digests(self, fetched: Fetched) -> list[Digest]:
        """Which bytes it was; by its name where its upstream states no sha256."""
        if fetched.digest is not None:
            return [fetched.digest]
        files = [
            each
            for upstream in self.upstreams
            for each in await self.holdings.files(upstream, fetched.project)
        ]
        return [each.digest for each in files if each.filename == fetched.filename]
