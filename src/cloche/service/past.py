"""Indexes as they were: the read path over the catalog's past. No upstream's page is asked for."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from msgspec import structs

from cloche.core import backfill, moments
from cloche.core.errors import BadRequest, BadSetting, Forgotten, NoSuchProject, NotThen
from cloche.core.index import Index
from cloche.core.known import Known, Need
from cloche.core.model import FileKey, Held, Page, ProjectName, Upload
from cloche.core.moments import Moment
from cloche.core.policy import FOREVER, Clause, Offer
from cloche.ports import (
    Changes,
    Chronicle,
    Clock,
    Found,
    Journal,
    Kept,
    Own,
    Policies,
    Pulse,
    Records,
    Snapshots,
)
from cloche.service.files import Files, Wanted
from cloche.service.shelf import Rendered, Shelf
from cloche.service.upstream import Answer, CachedUpstream
from cloche.service.view import Knowledge, View

SETTLING = timedelta(seconds=60)
"""How long what began before an instant may take to be committed: waits, and clocks that differ."""

MAX_VIEWS = 16  # moments of which pages are kept
MAX_BYTES = 4 << 20  # of the pages of one
MAX_REMEMBERED = 1000  # addresses of which it is known what moment they mean

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class PastRecords:
    """What indexes had themselves."""

    chronicle: Chronicle
    now: Records
    serial: int

    async def own(self, index: str, project: ProjectName) -> Own:
        return await self.chronicle.own(self.serial, index, project)

    async def files(self, index: str, project: ProjectName) -> list[Upload]:
        found = (await self.own(index, project)).uploads
        if found is None:
            raise NoSuchProject(f"nobody had uploaded {project} to {index} then")
        return list(found)

    async def projects(self, index: str) -> list[ProjectName]:
        return await self.chronicle.uploaded(self.serial, index)

    async def admitted(self, index: str, now: datetime) -> dict[ProjectName, datetime]:
        """What is let past rules now, as rules are those of now."""
        return await self.now.admitted(index, now)

    async def changes(self, since: int) -> Changes:
        """What changes now: a page of then is worked out anew, for rules may know more."""
        return await self.now.changes(since)


@dataclass(frozen=True, slots=True)
class PastPages:
    """Upstreams' pages as they had been seen."""

    chronicle: Chronicle
    serial: int

    async def recall(self, upstream: str, project: ProjectName) -> Kept | None:
        return (await self.chronicle.page(self.serial, upstream, project)).kept

    async def projects(self, upstream: str) -> list[ProjectName]:
        return await self.chronicle.mirrored(self.serial, upstream)

    async def held(self, upstream: str, key: FileKey, filename: str) -> Held | None:  # noqa: ARG002 - the port's
        """Nothing: what a page of then does not list is no file of then."""
        return None


@dataclass(frozen=True, slots=True)
class PastFindings:
    """What had been found out. When a file was first seen does not change."""

    chronicle: Chronicle
    now: Found
    serial: int

    async def kept(self, upstream: str, project: ProjectName) -> backfill.Kept:
        return await self.chronicle.learned(self.serial, upstream, project)

    async def seen(self, upstream: str, project: ProjectName) -> backfill.Seen:
        return await self.now.seen(upstream, project)


@dataclass(frozen=True, slots=True)
class PastKnowledge:
    """What is known of files beyond their page: it does not change, and may be found out late."""

    now: Knowledge
    at: datetime

    async def of(self, offer: Offer, needs: frozenset[Need]) -> Known:
        known = await self.now.of(offer, needs)
        # By the clock of then it is never later: what is not known is looked for each time.
        return known if known.until is None else structs.replace(known, until=self.at)


@dataclass(frozen=True, slots=True)
class PastUpstream:
    """An upstream as the view needs it, which says what it said then."""

    cached: CachedUpstream
    chronicle: Chronicle
    moment: Moment

    async def page(self, project: ProjectName) -> Answer:
        """The page that was seen last, or what the first one tells of the time before it.

        Raise NoSuchProject when it was seen not to be there, NotThen when nothing tells that it was
        there, Forgotten when what was seen is not kept any more.
        """
        name, serial = self.cached.name, self.moment.serial
        found = await self.chronicle.page(serial, name, project)
        if found.sighting == "gone":
            raise NoSuchProject(f"{name} had no project {project}")
        if found.sighting == "lost":
            raise Forgotten(
                f"{name}'s page of {project} as it was then is not kept any more; choose a later "
                "moment"
            )
        if found.kept is None:
            raise NotThen(f"nobody has looked here for {name}'s project {project}")
        findings = PastFindings(self.chronicle, self.cached.findings, serial)
        page = await self.cached.reread(project, found.kept, findings)
        if found.sighting == "later":
            page = self._reconstructed(page)
        return Answer(page, FOREVER, found.kept.serial)

    async def keeps(self, project: ProjectName) -> bool:
        found = await self.chronicle.page(self.moment.serial, self.cached.name, project)
        return found.kept is not None

    async def known(self, project: ProjectName) -> Page | None:
        try:
            return (await self.page(project)).page
        except (NoSuchProject, Forgotten):
            return None

    async def check_kept(self, held: Held) -> None:
        """Raise Denied when a file that is kept is served no more: by the settings of now."""
        await self.cached.check_kept(held)

    def _reconstructed(self, page: Page) -> Page:
        """Of the first page that was seen, the files that state that they were there then."""
        there = tuple(
            file
            for file in page.files
            if file.upload_time is not None and file.upload_time <= self.moment.at
        )
        if there:
            return structs.replace(page, files=there, versions=())
        if backfill.lacks_times(page):
            raise Forgotten(
                f"{self.cached.name} states no upload times for {page.name}, and nobody had looked "
                "there yet, so it is not known what it had; choose a later moment"
            )
        raise NotThen(f"{self.cached.name} had no file of {page.name} yet that it still has")


@dataclass(frozen=True, slots=True)
class Past:
    """All indexes at one moment."""

    moment: Moment
    view: View
    shelf: Shelf
    files: Files
    lists: dict[tuple[object, ...], Rendered] = field(default_factory=dict)

    async def find(self, index: str, project: ProjectName, key: FileKey, name: str) -> Wanted:
        """Find a file of then. Raise what `Files.find` raises.

        Denied is also what its upstream has taken back since, if that is served no more.
        """
        wanted = await self.files.find(index, project, key, name)
        if wanted.artifact is not None:
            place = wanted.artifact.upstream
            held = await self.files.fetch.pages.held(place, key, wanted.filename)
            if held is not None:
                await self.view.upstreams[place].check_kept(held)
        return wanted

    def lasting(self, index: str) -> bool:
        """Whether an index's pages stay as they are, but for a change of settings.

        The rules of now may be others tomorrow; those of then too, if they go by what is found out.
        """
        indexes = self.view.indexes
        places = [indexes[place] for place in self.view.closure(index) if place in indexes]
        clauses = [clause for place in places for clause in place.clauses]
        then = self.moment.rules == "then"
        return self.moment.fixed and all(then and not clause.needs for clause in clauses)


@dataclass
class Times:
    """The past, by moments; the least recently asked for is let go first."""

    files: Files
    cached: Mapping[str, CachedUpstream]
    chronicle: Chronicle
    journal: Journal
    snapshots: Snapshots
    policies: Policies
    rebuilt: Callable[[str, str], tuple[Clause, ...]]
    pulse: Pulse
    clock: Clock
    _pasts: OrderedDict[Moment, Past] = field(default_factory=OrderedDict)
    _known: OrderedDict[str, Moment] = field(default_factory=OrderedDict)

    async def at(self, index: str, raw: str) -> Past:
        """The moment that an address names, and by whose rules it is judged.

        Raise what `moment` raises, Forgotten when the rules of then cannot be had.
        """
        moment = await self._wished(index, raw)
        past = self._pasts.get(moment)
        if past is None:
            past = self._pasts[moment] = await self._past(moment)
            _bound(self._pasts, MAX_VIEWS)
        self._pasts.move_to_end(moment)
        return past

    async def moment(self, index: str, raw: str) -> Moment:
        """The moment of which a client speaks.

        Raise BadName when it speaks of none, NoSuchMoment when of a snapshot that is not there,
        BadRequest when it is still to come.
        """
        return await self._looked_up(index, moments.moment(raw))

    async def _wished(self, index: str, raw: str) -> Moment:
        found = self._known.get(raw)
        if found is None:
            wanted = moments.wish(raw)
            found = await self._looked_up(index, wanted.what)
            found = structs.replace(found, rules=wanted.rules)
            if found.fixed:
                self._known[raw] = found
                _bound(self._known, MAX_REMEMBERED)
        return found

    async def _looked_up(self, index: str, what: int | datetime | str) -> Moment:
        if isinstance(what, int):
            return await self._reached(what)
        if isinstance(what, datetime):
            return await self._instant(what)
        snapshot = await self.snapshots.find(index, what)
        return Moment(serial=snapshot.serial, at=snapshot.at, fixed=False)

    async def _reached(self, serial: int) -> Moment:
        at = await self.chronicle.reached(serial)
        if at is None:
            raise BadRequest(f"serial {serial} is still to come; choose a moment that has been")
        return Moment(serial=serial, at=at)

    async def _instant(self, at: datetime) -> Moment:
        now = self.clock()
        if at > now:
            raise BadRequest(
                f"{at:%Y-%m-%d %H:%M:%S} UTC is still to come; choose a moment that has been"
            )
        serial = await self.journal.before(at + _TICK)
        return Moment(serial=serial, at=at, fixed=now - at >= SETTLING)

    async def _indexes(self, moment: Moment) -> Mapping[str, Index]:
        """The indexes as they are, with the rules that are wished for."""
        now = self.files.view.indexes
        if moment.rules == "now":
            return now
        said = await self.policies.then(moment.serial)
        return {
            name: structs.replace(
                index, clauses=await asyncio.to_thread(self._clauses, name, said.get(name, ""))
            )
            for name, index in now.items()
        }

    def _clauses(self, index: str, said: str) -> tuple[Clause, ...]:
        try:
            return self.rebuilt(index, said)
        except BadSetting as e:
            raise Forgotten(f"{e}; leave {moments.THEN} out for those of now") from None

    async def _past(self, moment: Moment) -> Past:
        now = self.files.view
        chronicle = self.chronicle
        records = PastRecords(chronicle, now.ledger, moment.serial)
        upstreams = {
            name: PastUpstream(each, chronicle, moment) for name, each in self.cached.items()
        }
        view = replace(
            now,
            indexes=await self._indexes(moment),
            upstreams=upstreams,
            ledger=records,
            pages=PastPages(chronicle, moment.serial),
            clock=lambda: moment.at,
            redirects={},  # elsewhere nothing is as it was
            absences=None,
            knowledge=now.knowledge and PastKnowledge(now.knowledge, moment.at),
        )
        shelf = Shelf(view, records, self.pulse, view.clock, max_bytes=MAX_BYTES)
        return Past(moment, view, shelf, replace(self.files, view=view, shelf=shelf))


def _bound(kept: OrderedDict[Any, Any], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)
