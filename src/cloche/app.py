"""The composition root: the one module that knows every other."""

import asyncio
import gc
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import structlog
from packaging import tags
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from cloche import blobs as blob_kinds
from cloche import catalog, feeds, kinds, logins, ports, upstreams
from cloche.attestor import connect as connect_attestor
from cloche.catalog import Catalog
from cloche.config import RESERVED, Settings
from cloche.config.recording import rebuilt, recorded
from cloche.core.errors import BadSetting, Error
from cloche.core.index import watched
from cloche.core.known import Need
from cloche.logins.tokens import Login
from cloche.ports import Attestor, Blobs, Clock, Deed, Outside, Upstream
from cloche.service.admit import Admit
from cloche.service.advised import Advised
from cloche.service.advisories import Subscription, Watch
from cloche.service.dispatch import Dispatch
from cloche.service.documentation import Documents
from cloche.service.explain import Explain
from cloche.service.fetch import Fetch
from cloche.service.files import Files
from cloche.service.forget import Forget
from cloche.service.gather import Gather
from cloche.service.going import Goods
from cloche.service.integrity import Integrity, Objects
from cloche.service.kept import Kept, KeptUpstream
from cloche.service.knowledge import Knowledge, Looker
from cloche.service.notify import Notify
from cloche.service.past import Times
from cloche.service.prefetch import Prefetch
from cloche.service.promote import Promote
from cloche.service.publish import Publish
from cloche.service.reading import Reading
from cloche.service.recall import Flags, Recaller
from cloche.service.renew import Renew
from cloche.service.roots import Roots
from cloche.service.shelf import Shelf
from cloche.service.signers import Signers
from cloche.service.snapshots import Naming
from cloche.service.steward import Steward
from cloche.service.sweep import Sweep
from cloche.service.upstream import CachedUpstream
from cloche.service.view import View
from cloche.service.within import Within
from cloche.spool import Spool
from cloche.upstreams._offline import Offline
from cloche.web import problems
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
from cloche.web.management import Managed, Management
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
from cloche.web.shortcuts import Shortcuts
from cloche.web.simple import Simple
from cloche.web.ui.pages import Pages
from cloche.web.upload import Uploads
from cloche.web.xml_methods import Methods
from cloche.web.xml_rpc import XmlRpc

log = structlog.get_logger(__name__)

FEW = 4 << 20  # bytes of pages that are worked out anew for each question
LEFTOVER = 2.0  # seconds at the end for transfers that no client waits for: they can be resumed
SWEEP_EVERY = 3600  # seconds
SWEEP_AGE = timedelta(hours=24)  # of what may still be resumed, or be about to get its row


def utc_now() -> datetime:
    return datetime.now(UTC)


def open_blobs(settings: Settings) -> Blobs:
    """Open the blob store that the URL's scheme names. Raise BadSetting."""
    url = settings.blobs_url
    opened: Blobs = kinds.load(blob_kinds, _blob_kind(url)).connect(url, settings.blobs_options)
    return opened


def _blob_kind(url: str) -> str:
    kind, known = url.partition("://")[0], kinds.names(blob_kinds)
    if kind not in known:
        raise BadSetting(
            f"store.blobs is {url!r}; it begins with one of {', '.join(f'{k}://' for k in known)}"
        )
    return kind


def open_upstreams(settings: Settings) -> dict[str, Upstream]:
    """Make every upstream that is configured; nothing is asked yet. Raise BadSetting."""
    made: dict[str, Upstream] = {
        name: kinds.load(upstreams, each.kind).connect(name, each.own)
        for name, each in settings.upstreams.items()
    }
    if settings.server.offline:
        local = {name for name, each in settings.upstreams.items() if each.own.is_local}
        return {name: made[name] if name in local else Offline(name) for name in made}
    return made


def open_feeds(settings: Settings, spool: ports.Spool) -> dict[str, Subscription]:
    """Make every feed of advisories that may be asked; nothing is asked yet. Raise BadSetting."""
    made = {
        name: Subscription(
            feeds.connect(name, each.address, each.max_bytes, spool, settings.blobs_options),
            timedelta(seconds=each.refresh),
        )
        for name, each in settings.advisories.items()
    }
    offline = settings.server.offline
    return {name: each for name, each in made.items() if each.feed.is_local or not offline}


def open_logins(settings: Settings, clock: Clock) -> list[ports.Login]:
    """Open every login that is configured, besides the tokens. Raise BadSetting."""
    return [kinds.load(logins, kind).connect(own, clock) for kind, own in settings.logins.items()]


def open_attestor(settings: Settings) -> Attestor:
    """Make ready to find out who signs uploads; nothing is asked yet. Raise BadSetting."""
    said = settings.attestations.trust_root
    return connect_attestor(
        Path(said) if said else None,
        needed=any(index.publishers for index in settings.indexes.values()),
        offline=settings.server.offline,
    )


def open_outside(url: str, username: str | None, password: str | None) -> Outside:
    """An index elsewhere that takes uploads; nothing is sent yet. Raise BadSetting."""
    from cloche.upstreams._legacy import connect  # noqa: PLC0415  # for one command alone

    return connect(url, username, password)


def check_store(settings: Settings) -> None:
    """Look at the store's addresses without opening anything. Raise BadSetting."""
    _blob_kind(settings.blobs_url)
    if settings.store.database:
        catalog.address.parse(settings.database_url)


def open_catalog(settings: Settings) -> Catalog:
    """Open the database, made or brought up to date if need be. Raise BadSetting."""
    make_data_folder(settings)
    return catalog.connect(settings.database_url)


def make_data_folder(settings: Settings) -> None:
    """Raise BadSetting when it is not there and cannot be made."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise BadSetting(
            f"the data folder {settings.data} cannot be made ({e.strerror}); "
            "name another with --data"
        ) from None


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
    prefetch: Prefetch
    gather: Gather
    publish: Publish
    steward: Steward
    admit: Admit
    promote: Promote
    dispatch: Dispatch
    documents: Documents
    sweep: Sweep
    forget: Forget
    watch: Watch
    cached: Mapping[str, CachedUpstream]
    knowledge: Knowledge
    accesses: ports.Accesses

    async def close(self, patience: float) -> None:
        """Stop what is under way: transfers that no client waits for can be resumed."""
        await self.knowledge.close()
        await self.files.within.close()
        await self.fetch.close(patience)
        for cached in self.cached.values():
            await cached.close()

    @property
    def managed(self) -> Managed:
        """What the management API is over."""
        return Managed(
            self.steward,
            self.admit,
            self.promote,
            self.explain,
            self.naming,
            self.shelf,
            self.accesses,
        )


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
            recall=Recaller(name, settings.upstreams[name].recall, stored.holdings, stored.recalls),
        )
        for name, upstream in remote.items()
    }
    sent = {} if offline else settings.redirects
    fetch = Fetch(blobs, stored.pages, spool, remote, clock)
    within = Within(fetch, remote, spool)
    objects = Objects(blobs, stored.pages, spool, remote, clock)
    attestor = open_attestor(settings)
    lookers: dict[Need, Looker] = {
        "metadata": Reading(fetch, within, blobs),
        "provenance": Signers(objects, attestor),
    }
    knowledge = Knowledge(stored.facts, lookers, clock)
    advised = Advised(stored.advisories, tuple(settings.advisories), clock, knowledge)
    view = View(settings.indexes, cached, stored.ledger, stored.pages, clock, sent, advised)
    shelf = Shelf(view, stored.ledger, stored.pulse, clock)
    files = Files(view, shelf, fetch, within, blobs)
    kept = {name: KeptUpstream(each, stored.holdings, clock) for name, each in cached.items()}
    kept_view = View(settings.indexes, kept, stored.ledger, stored.pages, clock, sent, advised)
    kept_shelf = Shelf(kept_view, stored.ledger, stored.pulse, clock, max_bytes=FEW)
    integrity = Integrity(view, shelf, objects)
    publish = Publish(blobs, stored.ledger, attestor, stored.pulse, clock)
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
        prefetch=Prefetch(shelf, files, 0 if offline else settings.server.prefetch),
        gather=Gather(shelf, files),
        publish=publish,
        steward=Steward(view, stored.stewardship, stored.pulse, clock),
        admit=Admit(view, stored.admissions, stored.pulse, clock),
        dispatch=Dispatch(goods, spool),
        promote=Promote(goods, publish, stored.promotion, blobs, spool, stored.pulse, clock),
        documents=Documents(blobs, stored.ledger, stored.documentation, shelf, stored.pulse, clock),
        sweep=Sweep(blobs, stored.upkeep, spool, clock),
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
        cached=cached,
        knowledge=knowledge,
        accesses=stored.accesses,
    )


@lru_cache
def this_platform() -> tuple[str, ...]:
    """The tags of wheels that run here (PEP 425), whatever the Python. The first call looks."""
    return tuple(dict.fromkeys(tags.platform_tags()))


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
        yield made
    finally:
        for services in made:
            await services.close(patience)
        await stored.close()


class Application:
    """One worker's ASGI application: opens everything at start-up and closes it at the end."""

    def __init__(self, settings: Settings, clock: Clock = utc_now) -> None:
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
        self._log = RequestLog(as_json=settings.server.log == "json")
        kept = self._catalog.accesses if settings.access.journal else None
        self._access = AccessLog(kept, clock, addresses=settings.access.addresses)
        self._edge = self._front(blobs, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._edge(scope, receive, send)

    def _front(self, blobs: Blobs, clock: Clock) -> Edge:
        settings, services = self._settings, self._services
        view, shelf = services.view, services.shelf
        tokens = Login(self._catalog.tokens, clock)
        gate = Gate(view, [tokens, *open_logins(settings, clock)], self._catalog.pulse, clock)
        pages = Pages(view, shelf, services.files, services.explain)
        here = settings.server.public_url
        packages = Packages(view, services.files, gate, services.prefetch, self._access)
        kept = services.kept_files
        accounts = Accounts(view, shelf, services.files)
        journal, ledger = self._catalog.journal, self._catalog.ledger
        methods = Methods(view, shelf, services.roots, journal, ledger, accounts)
        taking = (self._spool, gate, settings.server.max_upload)
        rooms = (
            Health(blobs, self._catalog.upkeep),
            XmlRpc(view, gate, methods, here),
            Requirements(view, services.gather, gate, self._spool, this_platform),
            packages,
            AsOf(services.times, packages),
            Uploads(view, services.publish, services.documents, *taking),
            PlainUploads(view, services.publish, *taking),
            Projects(view, services.roots, gate),
            Simple(view, shelf, gate, services.prefetch, here),
            PypiJson(view, shelf, gate, accounts, here),
            Feeds(view, shelf, journal, gate, here),
            Provenance(view, services.integrity, gate),
            Management(services.managed, gate),
            Documentation(view, services.documents, gate),
            Devpi(services.kept, shelf, packages),
            People(view, pages, services.documents, gate, here),
            Local(services.kept, kept.shelf, replace(packages, view=kept.view, files=kept)),
            Links(services.kept, gate),
            PypiCache(shelf, packages, services.publish, self._spool, settings.server.max_upload),
            Proxpi(services.renew, gate),
            Shortcuts(kept.view, shelf, gate, here, RESERVED),
        )
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
        indexes = Indexes(app, settings.indexes, settings.default_index.name)
        front = SameSite(indexes, settings.server.public_url)
        return Edge(front, indexes, shelf, services.roots, gate, self._log)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        await self._note_rules()
        gc.freeze()  # what start-up made stays: looking through it took 5 % of a hit
        watch = self._services.watch
        chores = [self._sweep_for_ever(), *map(watch.run, watch.subscriptions)]
        chores += [self._tell()] if self._settings.webhooks else []
        tasks = [asyncio.create_task(each) for each in chores]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._close()

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
        """Record which rules the indexes have, for those who will ask for the rules of then."""
        settings = self._settings
        said = {name: recorded(rules, settings.folder) for name, rules in settings.rules.items()}
        try:
            await self._catalog.policies.note(said, Deed(who="cloche", at=self._clock()))
        except Error as e:
            log.warning("could not record the rules", error=str(e))

    async def _close(self) -> None:
        await self._access.close()
        await self._services.prefetch.close()
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
