"""The use cases, put together over adapters that are open."""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cloche import ports
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
from cloche.config.recording import rebuilt
from cloche.core.index import watched
from cloche.core.known import Need, description, whole
from cloche.logs import Log
from cloche.ports import Blobs, Clock, Upstream
from cloche.service.admit import Admit
from cloche.service.advised import Advised
from cloche.service.advisories import Watch
from cloche.service.dispatch import Dispatch
from cloche.service.documentation import Documents
from cloche.service.evict import Evict
from cloche.service.explain import Explain
from cloche.service.fetch import Fetch
from cloche.service.files import Files
from cloche.service.follow import Follow
from cloche.service.followed import Followed
from cloche.service.forget import Forget
from cloche.service.gather import Gather
from cloche.service.going import Goods
from cloche.service.integrity import Integrity, Objects
from cloche.service.kept import Kept, KeptUpstream
from cloche.service.knowledge import Knowledge, Looker
from cloche.service.pack import Pack
from cloche.service.past import Times
from cloche.service.pinned import Pins
from cloche.service.primacy import Primacy
from cloche.service.promote import Promote
from cloche.service.publish import Publish
from cloche.service.reading import Current, Reading
from cloche.service.recall import Flags, Recaller
from cloche.service.renew import Renew
from cloche.service.retain import Retain
from cloche.service.roots import Roots
from cloche.service.shelf import Shelf
from cloche.service.signers import Signers
from cloche.service.snapshots import Naming
from cloche.service.steward import Steward
from cloche.service.sweep import Sweep
from cloche.service.unpack import Unpack
from cloche.service.upstream import CachedUpstream
from cloche.service.view import View
from cloche.service.within import Within
from cloche.spool import Spool

log = Log(__name__)

FEW = 4 << 20  # bytes of pages that are worked out anew for each question


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases, over adapters that are open."""

    view: View
    shelf: Shelf
    explain: Explain
    roots: Roots
    fetch: Fetch
    files: Files
    times: Times
    naming: Naming
    integrity: Integrity
    kept: Kept
    kept_files: Files
    renew: Renew
    gather: Gather
    publish: Publish
    steward: Steward
    admit: Admit
    promote: Promote
    dispatch: Dispatch
    documents: Documents
    pack: Pack
    unpack: Unpack
    sweep: Sweep
    evict: Evict
    retain: Retain
    forget: Forget
    watch: Watch
    syncs: Syncs
    cached: Mapping[str, CachedUpstream]
    knowledge: Knowledge
    accesses: ports.Accesses
    arrivals: ports.Arrivals
    followed: Followed
    pursuits: ports.Pursuits
    follows: Mapping[str, Follow]  # by their index

    async def close(self, patience: float) -> None:
        """Stop what is under way: transfers that no client waits for can be resumed."""
        await self.knowledge.close()
        await self.files.within.close()
        await self.fetch.close(patience)
        for cached in self.cached.values():
            await cached.close()
        for follow in self.follows.values():
            await follow.primary.close()


def compose(
    settings: Settings,
    *,
    stored: Catalog,
    blobs: Blobs,
    spool: Spool,
    remote: Mapping[str, Upstream],
    clock: Clock,
) -> Services:
    """Put the use cases together."""
    offline, watching = settings.server.offline, watched(settings.indexes)
    cached = {
        name: CachedUpstream(
            upstream,
            stored.pages,
            stored.findings,
            spool,
            clock,
            max_files=settings.upstreams[name].own.max_files,
            offline=offline and not settings.upstreams[name].own.is_local,
            watched=name in watching,
            freshness=settings.upstreams[name].freshness,
            absences=stored.absences,
            recall=Recaller(name, settings.upstreams[name].recall, stored.holdings, stored.recalls),
        )
        for name, upstream in remote.items()
    }
    sent = {} if offline else settings.redirects
    fetch = Fetch(blobs, stored.pages, spool, remote, clock)
    within = Within(fetch, remote, spool)
    objects = Objects(blobs, stored.pages, spool, remote, clock)
    attestor = open_attestor(settings)
    reading = Reading(fetch, within, blobs)
    lookers: dict[Need, Looker] = {
        "metadata": reading,
        "info": Current(reading, whole),
        "description": Current(reading, description),
        "provenance": Signers(objects, attestor),
    }
    knowledge = Knowledge(stored.facts, lookers, clock)
    advised = Advised(stored.advisories, tuple(settings.advisories), clock, knowledge)
    told = (stored.ledger, stored.pages, clock, sent, advised)
    view = View(settings.indexes, cached, *told, stored.absences)
    shelf = Shelf(view, stored.ledger, stored.pulse, clock)
    files = Files(view, shelf, fetch, within, blobs)
    kept = {name: KeptUpstream(each, stored.holdings, clock) for name, each in cached.items()}
    kept_view = View(settings.indexes, kept, *told)
    kept_shelf = Shelf(kept_view, stored.ledger, stored.pulse, clock, max_bytes=FEW)
    integrity = Integrity(view, shelf, objects)
    publish = Publish(blobs, stored.ledger, attestor, stored.pulse, clock, Primacy(stored.pursuits))
    goods = Goods(view, files, integrity)
    times = Times(
        files,
        cached,
        stored.chronicle,
        stored.journal,
        stored.snapshots,
        stored.policies,
        rebuilt,
        stored.pulse,
        clock,
    )
    steward = Steward(view, stored.stewardship, stored.pulse, clock)
    pins = Pins(stored.snapshots, times, cached)
    evict = Evict(
        blobs,
        stored.upkeep,
        stored.usage,
        stored.accesses,
        stored.holdings,
        pins,
        tuple(settings.upstreams),
        settings.spared,
        clock,
    )
    return Services(
        view=view,
        shelf=shelf,
        explain=Explain(view, stored.holdings),
        roots=Roots(view, stored.ledger, stored.journal, stored.pulse),
        fetch=fetch,
        files=files,
        times=times,
        naming=Naming(times, stored.snapshots, clock),
        integrity=integrity,
        kept=Kept(kept_view, stored.ledger, stored.holdings),
        kept_files=Files(kept_view, kept_shelf, fetch, within, blobs, renews=False),
        renew=Renew(view, cached, stored.expiry, stored.pulse, clock),
        gather=Gather(shelf, files),
        publish=publish,
        steward=steward,
        admit=Admit(view, stored.admissions, stored.pulse, clock),
        dispatch=Dispatch(goods, spool),
        promote=Promote(goods, publish, stored.promotion, blobs, spool, stored.pulse, clock),
        documents=Documents(blobs, stored.ledger, stored.documentation, shelf, stored.pulse, clock),
        pack=Pack(times, integrity, blobs),
        unpack=Unpack(stored.carried, blobs, spool, stored.pulse, clock),
        sweep=Sweep(blobs, stored.upkeep, spool, clock),
        evict=evict,
        retain=Retain(
            evict,
            stored.holdings,
            stored.recalls,
            stored.uses,
            stored.ledger,
            steward,
            clock,
        ),
        forget=Forget(stored.accesses, clock),
        watch=Watch(
            open_feeds(settings, spool),
            stored.advisories,
            spool,
            stored.pulse,
            (*settings.indexes, *settings.upstreams),
            Flags(tuple(settings.upstreams), stored.holdings, stored.recalls),
            clock,
        ),
        syncs=Syncs(
            view,
            cached,
            remote,
            fetch,
            within,
            blobs,
            spool,
            stored,
            pins,
            clock,
            this_node(settings),
        ),
        cached=cached,
        knowledge=knowledge,
        accesses=stored.accesses,
        arrivals=stored.arrivals,
        followed=Followed(stored.followable, blobs, stored.pulse, clock),
        pursuits=stored.pursuits,
        follows=_follows(settings, stored, blobs, spool, clock),
    )


def _follows(
    settings: Settings, stored: Catalog, blobs: Blobs, spool: Spool, clock: Clock
) -> dict[str, Follow]:
    """Each index that follows another server's. The node is known by its name and its folder."""
    if not any(index.follows for index in settings.indexes.values()):
        return {}
    node = f"{socket.gethostname()}:{settings.data.absolute()}"
    return {
        name: Follow(
            index=name,
            upstream=settings.indexes[name].follows or "",
            primary=primary,
            pursuits=stored.pursuits,
            blobs=blobs,
            upkeep=stored.upkeep,
            spool=spool,
            clock=clock,
            node=node,
        )
        for name, primary in open_primaries(settings).items()
    }


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
