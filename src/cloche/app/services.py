"""The use cases, put together over adapters that are open."""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property

from cloche.app.looking import Looking
from cloche.app.opening import (
    open_attestor,
    open_blobs,
    open_catalog,
    open_feeds,
    open_primaries,
    open_upstreams,
    utc_now,
)
from cloche.app.syncs import Syncs, this_node
from cloche.catalog import Catalog
from cloche.config import Settings
from cloche.ports import Accesses, Arrivals, Blobs, Clock, Pursuits, Upstream
from cloche.service.admit import Admit
from cloche.service.advisories import Watch
from cloche.service.dispatch import Dispatch
from cloche.service.documentation import Documents
from cloche.service.evict import Evict
from cloche.service.follow import Follow
from cloche.service.followed import Followed
from cloche.service.forget import Forget
from cloche.service.gather import Gather
from cloche.service.going import Goods
from cloche.service.pack import Pack
from cloche.service.pinned import Pins
from cloche.service.primacy import Primacy
from cloche.service.promote import Promote
from cloche.service.publish import Publish
from cloche.service.recall import Flags
from cloche.service.renew import Renew
from cloche.service.retain import Retain
from cloche.service.steward import Steward
from cloche.service.sweep import Sweep
from cloche.service.unpack import Unpack
from cloche.spool import Spool


@dataclass(frozen=True, eq=False, kw_only=True)
class Services(Looking):
    """The use cases, over adapters that are open. Each is made when it is first asked for."""

    # What asks upstreams ahead of need.

    @cached_property
    def renew(self) -> Renew:
        return Renew(self.view, self.cached, self.stored.expiry, self.stored.pulse, self.clock)

    @cached_property
    def gather(self) -> Gather:
        return Gather(self.shelf, self.files)

    @cached_property
    def syncs(self) -> Syncs:
        return Syncs(
            self.view,
            self.cached,
            self.remote,
            self.fetch,
            self.within,
            self.blobs,
            self.spool,
            self.stored,
            self.pins,
            self.clock,
            this_node(self.settings),
        )

    @cached_property
    def watch(self) -> Watch:
        settings, stored = self.settings, self.stored
        return Watch(
            self.feeds,
            stored.advisories,
            self.spool,
            stored.pulse,
            (*settings.indexes, *settings.upstreams),
            Flags(tuple(settings.upstreams), stored.holdings, stored.recalls),
            self.clock,
        )

    # What changes what indexes show.

    @cached_property
    def publish(self) -> Publish:
        stored, primacy = self.stored, Primacy(self.stored.pursuits)
        return Publish(self.blobs, stored.ledger, self.attestor, stored.pulse, self.clock, primacy)

    @cached_property
    def documents(self) -> Documents:
        stored = self.stored
        return Documents(
            self.blobs, stored.ledger, stored.documentation, self.shelf, stored.pulse, self.clock
        )

    @cached_property
    def steward(self) -> Steward:
        return Steward(self.view, self.stored.stewardship, self.stored.pulse, self.clock)

    @cached_property
    def admit(self) -> Admit:
        return Admit(self.view, self.stored.admissions, self.stored.pulse, self.clock)

    @cached_property
    def goods(self) -> Goods:
        return Goods(self.view, self.files, self.integrity)

    @cached_property
    def promote(self) -> Promote:
        stored = self.stored
        return Promote(
            self.goods,
            self.publish,
            stored.promotion,
            self.blobs,
            self.spool,
            stored.pulse,
            self.clock,
        )

    @cached_property
    def dispatch(self) -> Dispatch:
        return Dispatch(self.goods, self.spool)

    # What is carried to other servers, and from them.

    @cached_property
    def pack(self) -> Pack:
        return Pack(self.times, self.integrity, self.blobs)

    @cached_property
    def unpack(self) -> Unpack:
        stored = self.stored
        return Unpack(stored.carried, self.blobs, self.spool, stored.pulse, self.clock)

    @cached_property
    def followed(self) -> Followed:
        return Followed(self.stored.followable, self.blobs, self.stored.pulse, self.clock)

    @cached_property
    def follows(self) -> dict[str, Follow]:
        """By their index. The node is known by its name and its folder."""
        node = f"{socket.gethostname()}:{self.settings.data.absolute()}"
        return {
            name: Follow(
                index=name,
                upstream=self.settings.indexes[name].follows or "",
                primary=primary,
                pursuits=self.pursuits,
                blobs=self.blobs,
                upkeep=self.stored.upkeep,
                spool=self.spool,
                clock=self.clock,
                node=node,
            )
            for name, primary in self.primaries.items()
        }

    @property
    def pursuits(self) -> Pursuits:
        return self.stored.pursuits

    # What is kept, and for how long.

    @property
    def accesses(self) -> Accesses:
        return self.stored.accesses

    @property
    def arrivals(self) -> Arrivals:
        return self.stored.arrivals

    @cached_property
    def sweep(self) -> Sweep:
        return Sweep(self.blobs, self.stored.upkeep, self.spool, self.clock)

    @cached_property
    def pins(self) -> Pins:
        return Pins(self.stored.snapshots, self.times, self.cached)

    @cached_property
    def evict(self) -> Evict:
        settings, stored = self.settings, self.stored
        return Evict(
            self.blobs,
            stored.upkeep,
            stored.usage,
            stored.accesses,
            stored.holdings,
            self.pins,
            tuple(settings.upstreams),
            settings.spared,
            self.clock,
        )

    @cached_property
    def retain(self) -> Retain:
        stored = self.stored
        return Retain(
            self.evict,
            stored.holdings,
            stored.recalls,
            stored.uses,
            stored.ledger,
            self.steward,
            self.clock,
        )

    @cached_property
    def forget(self) -> Forget:
        return Forget(self.stored.accesses, self.clock)

    async def close(self, patience: float) -> None:
        """Stop what is under way: transfers that no client waits for can be resumed."""
        await self.knowledge.close()
        await self.within.close()
        await self.fetch.close(patience)
        for cached in self.cached.values():
            await cached.close()
        for primary in self.primaries.values():
            await primary.close()


def compose(
    settings: Settings,
    *,
    stored: Catalog,
    blobs: Blobs,
    spool: Spool,
    remote: Mapping[str, Upstream],
    clock: Clock,
) -> Services:
    """Open what else the settings name, for the use cases over all of it. Raise BadSetting."""
    follows = any(index.follows for index in settings.indexes.values())
    return Services(
        settings=settings,
        stored=stored,
        blobs=blobs,
        spool=spool,
        remote=remote,
        clock=clock,
        attestor=open_attestor(settings),
        feeds=open_feeds(settings, spool),
        primaries=open_primaries(settings) if follows else {},
    )


@asynccontextmanager
async def opened(settings: Settings, *, patience: float) -> AsyncIterator[Services]:
    """The use cases for a command, which may run beside a server; all is closed at the end.

    Transfers that are under way then get `patience` seconds; they can be resumed.
    """
    async with side_by_side(settings, patience=patience) as (services,):
        yield services


@asynccontextmanager
async def side_by_side(*policies: Settings, patience: float) -> AsyncIterator[list[Services]]:
    """The use cases as each of the settings has them, all over the data of the first."""
    data = policies[0]
    stored, blobs, spool = open_catalog(data), open_blobs(data), Spool(data.data / "spool")
    made = [
        compose(
            each,
            stored=stored,
            blobs=blobs,
            spool=spool,
            remote=open_upstreams(each),
            clock=utc_now,
        )
        for each in policies
    ]
    try:
        for follow in made[0].follows.values():
            await follow.begin()
        yield made
    finally:
        for services in made:
            await services.close(patience)
        await stored.close()
