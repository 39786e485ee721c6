"""What indexes show, and what they show it from, put together over adapters that are open."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from cloche.catalog import Catalog
from cloche.config import Settings
from cloche.config.recording import rebuilt
from cloche.core.index import watched
from cloche.core.known import Need
from cloche.ports import Absences, Attestor, Blobs, Clock, Primary, Upstream
from cloche.service.advised import Advised
from cloche.service.advisories import Subscription
from cloche.service.builds import Builds
from cloche.service.endings import Ends
from cloche.service.explain import Explain
from cloche.service.fetch import Fetch
from cloche.service.files import Files
from cloche.service.forgetting import Forgetting
from cloche.service.integrity import Integrity, Objects
from cloche.service.kept import Kept, KeptUpstream
from cloche.service.knowledge import Knowledge, Looker
from cloche.service.past import Times
from cloche.service.reading import Reading, readers
from cloche.service.recall import Recaller
from cloche.service.roots import Roots
from cloche.service.shelf import Shelf
from cloche.service.signers import Signers
from cloche.service.snapshots import Naming
from cloche.service.upstream import CachedUpstream
from cloche.service.view import Source, View
from cloche.service.within import Within
from cloche.spool import Spool

FEW = 4 << 20  # bytes of pages that are worked out anew for each question


@dataclass(frozen=True, eq=False, kw_only=True)
class Looking:
    """The use cases that change nothing. Each is made when it is first asked for."""

    settings: Settings
    stored: Catalog
    blobs: Blobs
    spool: Spool
    remote: Mapping[str, Upstream]
    clock: Clock
    attestor: Attestor
    feeds: Mapping[str, Subscription]
    primaries: Mapping[str, Primary]  # by the index that follows

    @cached_property
    def cached(self) -> dict[str, CachedUpstream]:
        watching = watched(self.settings.indexes)
        return {
            name: self._cached(name, upstream, watched=name in watching)
            for name, upstream in self.remote.items()
        }

    def _cached(self, name: str, upstream: Upstream, *, watched: bool) -> CachedUpstream:
        stored, said = self.stored, self.settings.upstreams[name]
        return CachedUpstream(
            upstream,
            stored.pages,
            stored.findings,
            self.spool,
            self.clock,
            max_files=said.own.max_files,
            offline=self.settings.server.offline and not said.own.is_local,
            watched=watched,
            freshness=said.freshness,
            absences=stored.absences,
            recall=Recaller(name, said.recall, stored.holdings, stored.recalls),
            forgetting=Forgetting(name, stored.expiry, stored.pulse),
        )

    @cached_property
    def fetch(self) -> Fetch:
        return Fetch(self.blobs, self.stored.pages, self.spool, self.remote, self.clock)

    @cached_property
    def within(self) -> Within:
        return Within(self.fetch, self.remote, self.spool)

    @cached_property
    def objects(self) -> Objects:
        return Objects(self.blobs, self.stored.pages, self.spool, self.remote, self.clock)

    @cached_property
    def knowledge(self) -> Knowledge:
        lookers: dict[Need, Looker] = {
            **readers(Reading(self.fetch, self.within, self.blobs)),
            "provenance": Signers(self.objects, self.attestor),
        }
        return Knowledge(self.stored.facts, lookers, self.clock)

    @cached_property
    def advised(self) -> Advised:
        feeds = tuple(self.settings.advisories)
        return Advised(self.stored.advisories, feeds, self.clock, self.knowledge)

    @cached_property
    def view(self) -> View:
        return self._view(self.cached, self.stored.absences)

    @cached_property
    def kept_view(self) -> View:
        """What can be shown of what is kept, whatever upstreams say."""
        holdings = self.stored.holdings
        return self._view(
            {name: KeptUpstream(each, holdings, self.clock) for name, each in self.cached.items()}
        )

    def _view(self, sources: Mapping[str, Source], absences: Absences | None = None) -> View:
        settings, stored = self.settings, self.stored
        sent = {} if settings.server.offline else settings.redirects
        return View(
            settings.indexes,
            sources,
            stored.ledger,
            stored.pages,
            self.clock,
            sent,
            self.advised,
            absences,
        )

    @cached_property
    def shelf(self) -> Shelf:
        ends = self.ends.note
        return Shelf(self.view, self.stored.ledger, self.stored.pulse, self.clock, ends=ends)

    @cached_property
    def ends(self) -> Ends:
        return Ends(self.stored.endings, self.clock)

    @cached_property
    def files(self) -> Files:
        return Files(self.view, self.shelf, self.fetch, self.within, self.blobs)

    @cached_property
    def kept(self) -> Kept:
        return Kept(self.kept_view, self.stored.ledger, self.stored.holdings)

    @cached_property
    def kept_files(self) -> Files:
        stored, view = self.stored, self.kept_view
        shelf = Shelf(view, stored.ledger, stored.pulse, self.clock, max_bytes=FEW)
        return Files(view, shelf, self.fetch, self.within, self.blobs, renews=False)

    @cached_property
    def integrity(self) -> Integrity:
        return Integrity(self.view, self.shelf, self.objects)

    @cached_property
    def explain(self) -> Explain:
        return Explain(self.view, self.stored.holdings)

    @cached_property
    def builds(self) -> Builds:
        return Builds(self.stored.stewardship)

    @cached_property
    def roots(self) -> Roots:
        return Roots(self.view, self.stored.ledger, self.stored.journal, self.stored.pulse)

    @cached_property
    def times(self) -> Times:
        stored = self.stored
        return Times(
            self.files,
            self.cached,
            stored.chronicle,
            stored.journal,
            stored.snapshots,
            stored.policies,
            rebuilt,
            stored.pulse,
            self.clock,
        )

    @cached_property
    def naming(self) -> Naming:
        return Naming(self.times, self.stored.snapshots, self.clock)
