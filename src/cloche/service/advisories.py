"""Keeping what is known against versions: each feed asked in its time, by one process of a node."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import islice

from cloche.core import osv
from cloche.core.errors import BadName, Error, UpstreamLies
from cloche.core.model import Digest
from cloche.logs import Log
from cloche.ports import Advisories, Bulletin, Clock, Delivery, Feed, FeedState, Pulse, Spool
from cloche.service.recall import Flags

log = Log(__name__)

AT_ONCE = 200  # documents read in one go of a thread
AGAIN = timedelta(minutes=1)  # after a failure


@dataclass(frozen=True, slots=True)
class Subscription:
    """A feed, and how often it is asked."""

    feed: Feed
    every: timedelta


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What asking a feed came to."""

    state: FeedState
    added: int = 0  # documents that are new, or changed
    removed: int = 0


@dataclass(slots=True)
class _Seen:
    """What was read of a delivery so far."""

    known: frozenset[Digest]
    there: set[Digest] = field(default_factory=set)
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """`places` are the names of all indexes and upstreams."""

    subscriptions: Mapping[str, Subscription]
    store: Advisories
    spool: Spool
    pulse: Pulse
    places: Sequence[str]
    flags: Flags
    clock: Clock

    async def run(self, name: str) -> None:
        """Keep one feed for ever. What fails is tried again; what is kept stays."""
        while True:
            wait = AGAIN
            try:
                state = (await self.refresh(name)).state
                wait = state.checked_at + self.subscriptions[name].every - self.clock()
            except Error as e:
                log.warning("advisories not refreshed", feed=name, error=str(e))
                wait = min(AGAIN, self.subscriptions[name].every)
            await asyncio.sleep(max(1.0, wait.total_seconds()))

    async def refresh(self, name: str, *, now: bool = False) -> Refreshed:
        """Ask a feed if its time has come, or at once. Raise UpstreamDown or UpstreamLies.

        When this returns, every worker and node judges by what it said.
        """
        subscription = self.subscriptions[name]
        async with self.spool.lock(f"advisories {name}"):
            state = await self.store.feed(name)
            same = state is not None and state.source == subscription.feed.source
            if state and same and not now and self.clock() < state.checked_at + subscription.every:
                return Refreshed(state)
            done = await self._ask(name, subscription.feed, state if same else None)
        await self.pulse.settle()
        return done

    async def _ask(self, name: str, feed: Feed, state: FeedState | None) -> Refreshed:
        at = self.clock()
        async with feed.fetch(state.validator if state else None) as delivery:
            if delivery is not None:
                return await self._take(name, feed, delivery, at)
        if state is None:
            raise UpstreamLies(f"advisories.{name} says that nothing changed, and was never had")
        checked = FeedState(
            name=name,
            source=state.source,
            validator=state.validator,
            documents=state.documents,
            skipped=state.skipped,
            loaded_at=state.loaded_at,
            checked_at=at,
        )
        await self.store.loaded(checked)
        return Refreshed(checked)

    async def _take(self, name: str, feed: Feed, delivery: Delivery, at: datetime) -> Refreshed:
        """Keep what is new before what has gone is forgotten: in between, both count."""
        seen = _Seen(frozenset(await self.store.documents(name)))
        added = 0
        while (batch := await asyncio.to_thread(_read, delivery.documents, seen)) is not None:
            await self.store.add(name, batch, at, self.places)
            await self.flags.raised([each.about for each in batch], at)
            added += len(batch)
        if not seen.there:
            raise UpstreamLies(
                f"advisories.{name} has not one advisory about a project; what was known before "
                "still holds"
            )
        gone = seen.known - seen.there
        await self.store.remove(name, gone, at, self.places)
        state = FeedState(
            name=name,
            source=feed.source,
            validator=delivery.validator,
            documents=len(seen.there),
            skipped=seen.skipped,
            loaded_at=at,
            checked_at=at,
        )
        await self.store.loaded(state)
        log.info(
            "advisories loaded", feed=name, documents=len(seen.there), added=added,
            removed=len(gone), skipped=seen.skipped,
        )  # fmt: skip
        return Refreshed(state, added, len(gone))


def _read(documents: Iterator[bytes | None], seen: _Seen) -> list[Bulletin] | None:
    """What is new among the next documents; None at their end. What is known is not parsed."""
    some = list(islice(documents, AT_ONCE))
    if not some:
        return None
    new: list[Bulletin] = []
    for raw in some:
        found = None if raw is None else _bulletin(raw, seen)
        if raw is None:
            seen.skipped += 1
        if found is not None:
            seen.there.add(found.document)
            new.append(found)
    return new


def _bulletin(raw: bytes, seen: _Seen) -> Bulletin | None:
    digest = Digest(sha256(raw).hexdigest())
    if digest in seen.known:
        seen.there.add(digest)
    if digest in seen.there:
        return None
    try:
        about = osv.read(raw)
    except BadName:
        seen.skipped += 1
        return None
    return Bulletin(digest, about) if about else None
