"""One worker's ASGI application: everything opened, every room in its place."""

import asyncio
import gc
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from cloche.app.handing import open_handing
from cloche.app.opening import (
    open_blobs,
    open_catalog,
    open_logins,
    open_upstreams,
    this_platform,
    utc_now,
)
from cloche.app.patience import LEFTOVER, SWEEP_AGE
from cloche.app.retaining import recurring
from cloche.app.services import Services, compose
from cloche.app.syncs import schedules
from cloche.config import RESERVED, Settings
from cloche.config.recording import recorded, sources_of
from cloche.core.errors import Error
from cloche.logins.tokens import Login as Tokens
from cloche.logs import Log
from cloche.ports import AtHand, Blobs, Clock, Deed, Foretelling, Login
from cloche.service.foresight import Foresight
from cloche.service.former import Former
from cloche.service.limit import Limit
from cloche.service.notify import Notify
from cloche.service.prefetch import Prefetch
from cloche.service.upstream import CachedUpstream
from cloche.service.view import View
from cloche.spool import Spool
from cloche.web import metrics, problems
from cloche.web.accesslog import AccessLog
from cloche.web.crosssite import SameSite
from cloche.web.devpi import Devpi
from cloche.web.documentation import Documentation
from cloche.web.edge import Edge
from cloche.web.files import Packages
from cloche.web.gate import Gate
from cloche.web.health import Health
from cloche.web.indexes import Indexes
from cloche.web.integrity import Provenance
from cloche.web.links import Links
from cloche.web.local import Local
from cloche.web.managed import Managed
from cloche.web.management import Management
from cloche.web.past import AsOf
from cloche.web.people import People
from cloche.web.plain import PlainUploads
from cloche.web.projects import Projects
from cloche.web.proxpi import Proxpi
from cloche.web.pypi_json import Accounts, PypiJson
from cloche.web.pypicache import PypiCache
from cloche.web.requestlog import RequestLog
from cloche.web.requirements import Requirements
from cloche.web.rss import Feeds
from cloche.web.sending import Sending
from cloche.web.shortcuts import Shortcuts
from cloche.web.simple import Simple
from cloche.web.ui.pages import Pages
from cloche.web.upload import Uploads
from cloche.web.xml_methods import Methods
from cloche.web.xml_rpc import XmlRpc

log = Log(__name__)

SWEEP_EVERY = 3600  # seconds


class Room(Protocol):
    """What answers for some paths."""

    def routes(self) -> Sequence[BaseRoute]: ...


class Application:
    """One worker's ASGI application: opens everything at start-up and closes it at the end."""

    def __init__(
        self, settings: Settings, clock: Clock = utc_now, *, guests: Login | None = None
    ) -> None:
        """With `guests` it is lent to a command: it writes no lines, and has no chores."""
        self._settings = settings
        self._clock = clock
        self._catalog = open_catalog(settings)
        self._spool = Spool(settings.data / "spool")
        blobs = open_blobs(settings)
        self._services = compose(
            settings,
            stored=self._catalog,
            blobs=blobs,
            spool=self._spool,
            remote=open_upstreams(settings),
            clock=clock,
        )
        self._ahead = Prefetch(
            self._services.shelf,
            self._services.files,
            0 if settings.server.offline else settings.server.prefetch,
            metrics.guessed,
            unruled=_unruled(self._services.view),
            foresight=Foresight(_foretelling(self._services.cached)),
        )
        for each in self._services.cached.values():
            each.asked, each.came = self._ahead.page_asked, self._ahead.page_came
        self._guests = [guests] if guests else []
        quiet = StringIO() if guests else None
        self._log = RequestLog(as_json=settings.server.log == "json", out=quiet)
        kept = self._catalog.accesses if settings.access.journal else None
        self._access = AccessLog(kept, clock, addresses=settings.access.addresses)
        self._edge = self._front(blobs, clock)
        self.repeats = self._edge.repeats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._edge(scope, receive, send)

    def _front(self, blobs: Blobs, clock: Clock) -> Edge:
        settings, services = self._settings, self._services
        logins = [*self._guests, *open_logins(settings, clock)]
        tokens = Tokens(self._catalog.tokens, clock)
        gate = Gate(services.view, [tokens, *logins], self._catalog.pulse, clock)
        app = self._routed(self._rooms(blobs, gate))
        indexes = Indexes(app, settings.indexes, settings.default_index.name)
        front = SameSite(indexes, settings.server.public_url)
        sending = Sending(blobs, blobs if isinstance(blobs, AtHand) else None)
        shown = services.shelf, services.roots
        return Edge(front, indexes, *shown, gate, self._log, sending, self._access)

    def _rooms(self, blobs: Blobs, gate: Gate) -> Sequence[Room]:
        """In the order in which they are asked whether a path is theirs."""
        services, catalog, server = self._services, self._catalog, self._settings.server
        view, shelf, journal, here = (
            services.view,
            services.shelf,
            catalog.journal,
            server.public_url,
        )
        pages = Pages(view, shelf, services.files, services.explain, services.builds)
        # Tools that a command lends an index to may reach nothing else.
        handing = None if self._guests else open_handing(self._settings)
        packages = Packages(view, services.files, gate, self._ahead, self._access, handing)
        kept = services.kept_files
        accounts = Accounts(view, shelf, services.files)
        methods = Methods(view, shelf, services.roots, journal, catalog.ledger, accounts)
        taking = (self._spool, gate, server.max_upload)
        return (
            Health(blobs, catalog.upkeep),
            XmlRpc(view, gate, methods, here),
            Requirements(view, services.gather, gate, self._spool, this_platform),
            packages,
            AsOf(services.times, packages),
            Uploads(view, services.publish, services.documents, *taking),
            PlainUploads(view, services.publish, *taking),
            Projects(view, services.roots, gate),
            Simple(view, shelf, gate, self._ahead, here),
            PypiJson(view, shelf, gate, accounts, here),
            Feeds(view, shelf, journal, gate, here),
            Provenance(view, services.integrity, gate),
            Management(_managed(services), gate),
            Documentation(view, services.documents, gate),
            Devpi(services.kept, shelf, packages),
            People(view, pages, services.documents, gate, here),
            Local(services.kept, kept.shelf, replace(packages, view=kept.view, files=kept)),
            Links(services.kept, gate),
            PypiCache(shelf, packages, services.publish, self._spool, server.max_upload),
            Proxpi(services.renew, gate),
            Shortcuts(kept.view, shelf, gate, here, RESERVED),
        )

    def _routed(self, rooms: Sequence[Room]) -> Starlette:
        app = Starlette(
            routes=[route for room in rooms for route in room.routes()],
            lifespan=self._lifespan,
            exception_handlers={
                Error: problems.answer,
                HTTPException: problems.answer_http,
                Exception: problems.answer_bug,
            },
        )
        # The slash that a framework adds to a path may not turn a POST into a redirect.
        app.router.redirect_slashes = False
        return app

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        tasks: list[asyncio.Task[None]] = []
        if not self._guests:
            await self._note_rules()
            await self._begin_to_follow()
            gc.freeze()  # what start-up made stays: looking through it took 5 % of a hit
            tasks = [asyncio.create_task(each) for each in self._chores()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._close()

    def _chores(self) -> list[Coroutine[Any, Any, None]]:
        settings, services = self._settings, self._services
        watch = services.watch
        chores = [
            self._sweep_for_ever(),
            services.ends.keep(),
            *map(watch.run, watch.subscriptions),
            *(each.greet() for each in services.cached.values()),
        ]
        chores += [each.run() for each in schedules(settings, services.syncs)]
        chores += [each.run() for each in recurring(settings, services)]
        chores += [self._tell()] if settings.webhooks else []
        if (limit := settings.cache.bytes) is not None:
            chores.append(Limit(services.evict, self._catalog.leases, self._clock, limit).keep())
        if not settings.server.offline:
            chores += [Former(each).run(metrics.followed) for each in services.follows.values()]
        return chores

    async def _tell(self) -> None:
        from cloche.upstreams._courier import HttpCourier  # noqa: PLC0415  # aiohttp, for some

        courier = HttpCourier()
        try:
            await Notify(
                self._settings.webhooks,
                self._services.view,
                self._catalog.cursors,
                courier,
                self._catalog.pulse,
                utc_now,
                self._settings.server.public_url or "",
            ).run()
        finally:
            await courier.close()

    async def _note_rules(self) -> None:
        """Record which rules and sources indexes have: who asks for those of then, and mirrors."""
        settings = self._settings
        said = {name: recorded(rules, settings.folder) for name, rules in settings.rules.items()}
        asked = {name: sources_of(index) for name, index in settings.indexes.items()}
        deed = Deed(who="cloche", at=self._clock())
        try:
            await self._catalog.policies.note(said, deed)
            await self._catalog.policies.note_sources(asked, deed)
        except Error as e:
            log.warning("could not record the rules", error=str(e))

    async def _begin_to_follow(self) -> None:
        """Have changes of indexes that follow refused, before there can be any."""
        for follow in self._services.follows.values():
            try:
                pursuit = await follow.begin()
            except Error as e:
                log.warning("cannot follow", index=follow.index, error=str(e))
                continue
            if pursuit.promoted_at is not None:
                log.warning(
                    "follows no more: it was promoted; remove `follow` from its settings",
                    index=follow.index,
                    promoted_at=pursuit.promoted_at.isoformat(),
                )

    async def _close(self) -> None:
        await self._access.close()
        await self._ahead.close()
        await self._services.close(LEFTOVER)
        await self._catalog.close()
        self._log.flush()

    async def _sweep_for_ever(self) -> None:
        while True:
            try:
                async with self._spool.lock("sweep"):
                    await self._services.sweep.run(SWEEP_AGE)
                    await self._services.forget.run(timedelta(days=self._settings.access.days))
            except Error as e:
                log.warning("could not sweep", error=str(e))
            await asyncio.sleep(SWEEP_EVERY)


def _managed(services: Services) -> Managed:
    """What the management API is over."""
    return Managed(
        services.steward,
        services.builds,
        services.admit,
        services.promote,
        services.explain,
        services.naming,
        services.shelf,
        services.accesses,
        services.followed,
    )


def _foretelling(cached: Mapping[str, CachedUpstream]) -> dict[str, Foretelling]:
    """The upstreams that may say what a project requires before its page has come."""
    return {
        name: each.upstream
        for name, each in cached.items()
        if isinstance(each.upstream, Foretelling)
    }


def _unruled(view: View) -> frozenset[str]:
    """The upstreams that only indexes without any rule draw on."""
    ruled = {
        place for name, one in view.indexes.items() if one.clauses for place in view.closure(name)
    }
    return frozenset(view.upstreams) - ruled
