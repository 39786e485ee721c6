"""Mirrors, put together: what is to be brought of which upstream, and what brings it."""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from msgspec.structs import replace

from cloche.app.plans import plans
from cloche.catalog import Catalog
from cloche.config import Settings
from cloche.core.choosing import Rules
from cloche.core.mirrors import Mirrored
from cloche.core.plan import Plan
from cloche.ports import Blobs, Clock, Mirroring, Spool, Standing, Upstream
from cloche.ports.mirrors import Failure
from cloche.service.alone import Alone
from cloche.service.carry import Carrier
from cloche.service.closure import Closure
from cloche.service.crew import Crew, Hire
from cloche.service.desired import Judges
from cloche.service.fetch import Fetch
from cloche.service.libraries import Kept
from cloche.service.needing import Needing
from cloche.service.one import One
from cloche.service.pinned import Pins
from cloche.service.scheduled import Schedule
from cloche.service.sync import Sync
from cloche.service.upstream import CachedUpstream
from cloche.service.view import View
from cloche.service.within import Within


@dataclass(frozen=True, slots=True)
class Syncs:
    """Makes what syncs an upstream, over adapters that are open."""

    view: View
    cached: Mapping[str, CachedUpstream]
    remote: Mapping[str, Upstream]
    fetch: Fetch
    within: Within
    blobs: Blobs
    spool: Spool
    stored: Catalog
    pins: Pins
    clock: Clock
    node: str

    def one(self, plan: Plan) -> One:
        """What settles projects of the plan's upstream, one at a time or many."""
        cached, upstream = self.cached[plan.upstream], self.remote[plan.upstream]
        places = (self.view.ways(each).places for each in plan.indexes)
        return One(
            cached=cached,
            judges=Judges(self.view, cached, plan.indexes),
            carrier=Carrier(upstream, self.fetch, self.within, self.blobs, self.clock),
            holdings=self.stored.holdings,
            mirrors=self.stored.mirrors,
            blobs=self.blobs,
            clock=self.clock,
            mode=plan.mode,
            gone=plan.gone,
            slots=asyncio.Semaphore(plan.jobs),
            places=frozenset(each for some in places for each in some) & self.view.indexes.keys(),
            pins=self.pins,
            dry=plan.dry,
            full=plan.full,
        )

    def of(self, plan: Plan, hire: Hire | None = None) -> Sync:
        """What does the plan; with `hire`, in more processes than this one.

        What is required is known to this process alone, so it brings that by itself.
        """
        one = self.one(plan)
        needing = self._needing(plan, one.cached, one.judges)
        alone = plan.dry or needing is not None
        return Sync(
            needing=needing,
            plan=plan,
            upstream=self.remote[plan.upstream],
            one=one,
            crew=Crew(one, plan.jobs, plan.processes, plan.many, None if alone else hire),
            mirrors=self.stored.mirrors,
            standings=self.stored.standings,
            ledger=self.stored.ledger,
            alone=self.alone,
            clock=self.clock,
        )

    @property
    def alone(self) -> Alone:
        return Alone(self.spool, self.stored.leases, self.clock, self.node)

    def _needing(self, plan: Plan, cached: CachedUpstream, judges: Judges) -> Needing | None:
        if not plan.environments:
            return None
        whole = plan.mode == "all"
        kept = Kept(cached, judges, self.stored.holdings, self.blobs, whole=whole)
        rules = [Rules(targets=each, prereleases=plan.prereleases) for each in plan.environments]
        needing = Needing(Closure(kept, rules, plan.wants), kept, plan.whole)
        judges.only = needing.only
        return needing

    async def standing(self, upstream: str) -> tuple[Mirroring, Standing]:
        """How far the mirror of an upstream has come. Nobody is asked."""
        mirroring = await self.stored.mirrors.find(upstream)
        return mirroring, await self.stored.standings.standing(upstream)

    async def lacking(self, upstream: str, most: int) -> tuple[list[Mirrored], list[Failure]]:
        """Projects and files that could not be had."""
        standings = self.stored.standings
        return await standings.failed(upstream, most), await standings.failures(upstream, most)


def this_node(settings: Settings) -> str:
    return f"{socket.gethostname()} ({settings.data.absolute()})"


def schedules(settings: Settings, syncs: Syncs) -> list[Schedule]:
    """The mirrors that a server keeps up by itself. They leave clients half of the connections."""
    found = []
    for name, one in settings.upstreams.items():
        if one.mirror.every is None:
            continue
        (plan,) = plans(settings, [name])
        most = max(1, getattr(one.own, "connections", plan.jobs) // 2)
        plan = replace(plan, jobs=min(plan.jobs, most), patient=True)
        every = timedelta(seconds=one.mirror.every)
        found.append(Schedule(plan, every, syncs.of, syncs.stored.mirrors, syncs.clock))
    return found
