"""The read path: what an index shows, and which of its sources says so."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from msgspec import structs

from cloche.core.advisories import Advisory
from cloche.core.errors import (
    Elsewhere,
    Error,
    NoSuchIndex,
    NoSuchProject,
    NotThen,
    ProjectDeleted,
)
from cloche.core.index import Index, Ways
from cloche.core.known import Known, Need
from cloche.core.model import (
    Held,
    Page,
    ProjectName,
    Status,
)
from cloche.core.policy import (
    FOREVER,
    Admission,
    Clause,
    Effect,
    Offer,
    Ruling,
    needed,
    shut,
)
from cloche.logs import Log
from cloche.ports import Absences, Clock, KeptPages, Own, Records
from cloche.service.completing import FEW
from cloche.service.listing import Listing, listing
from cloche.service.sight import (
    Sight,
    by_name,
    candidates,
    denied,
    hosted_page,
    merged,
    quarantined,
    ruled,
)
from cloche.service.upstream import Answer

log = Log(__name__)


class Asked(NamedTuple):
    """For which index a project is looked for, and what bars upstreams from being asked."""

    place: str
    bar: Ruling | None = None


class Holder(Protocol):
    """Who knows what is held of an upstream."""

    async def projects(self, upstream: str) -> list[ProjectName]: ...


class Source(Protocol):
    """An upstream, as far as the view needs it."""

    async def page(self, project: ProjectName) -> Answer:
        """Raise NoSuchProject when it has none; UpstreamDown or UpstreamLies when in doubt."""

    async def keeps(self, project: ProjectName) -> bool:
        """Whether its page is kept here."""

    async def check_kept(self, held: Held) -> None:
        """Raise Denied when a file of it that is kept is served no more."""

    async def known(self, project: ProjectName) -> Page | None:
        """Its page as it is kept; nobody is asked."""


class Knowledge(Protocol):
    """What is known of files beyond their page."""

    async def of(self, offer: Offer, needs: frozenset[Need]) -> Known:
        """What rules need of what is offered, found out as far as its bounds allow."""


@dataclass(frozen=True, slots=True)
class View:
    indexes: Mapping[str, Index]
    upstreams: Mapping[str, Source]
    ledger: Records
    pages: KeptPages
    clock: Clock
    redirects: Mapping[str, str] = field(default_factory=dict)  # where clients may be sent
    knowledge: Knowledge | None = None  # without it, what a page does not say is unknown
    absences: Absences | None = None  # without it, nobody remembers who had no such project

    def index(self, name: str) -> Index:
        """Raise NoSuchIndex."""
        found = self.indexes.get(name)
        if found is None:
            raise NoSuchIndex(f"there is no index {name!r} here")
        return found

    async def project(self, index: str, project: ProjectName) -> Sight:
        """The project's page, from the first source that owns the name, with the index's marks.

        Raise NoSuchProject when none does, ProjectDeleted when its owner has deleted all of it,
        Forbidden when clients would be sent elsewhere for a project that is quarantined here,
        Denied when nobody but an upstream can have it, and rules would withhold whatever it has.
        A source that cannot be asked raises UpstreamDown or UpstreamLies and so ends the search:
        falling through to the next one is how a private name gets answered by a stranger.
        """
        return await self._project(index, project, Asked(index))

    async def _project(self, index: str, project: ProjectName, asked: Asked) -> Sight:
        own = await self.ledger.own(index, project)
        try:
            sight = await self._found(index, project, own, self._barred(index, project, own, asked))
        except Elsewhere:
            if own.marks.status is Status.QUARANTINED:  # clients are not sent to it either
                raise quarantined(index, project, own.marks.reason) from None
            raise
        return await self._judged(index, self._marked(sight, own), own.admissions)

    async def unmarked(self, index: str, project: ProjectName) -> tuple[Sight, Own]:
        """The page without the index's marks and rules, and the marks. Raise as `project` does."""
        own = await self.ledger.own(index, project)
        return await self._found(index, project, own, Asked(index)), own

    def _barred(self, index: str, project: ProjectName, own: Own, asked: Asked) -> Asked:
        """Whether the index's rules make it needless to ask an upstream: no name is told it then.

        What is let past them must be looked for; and of a merged project others may be shown.
        """
        one, now = self.index(index), self.clock()
        if one.merges(project):
            return Asked(asked.place)
        if any(now < each.until for each in own.admissions):
            return asked
        ruling = shut(index, one.clauses, project, now, hosted=False)
        return (
            asked if ruling is None or ruling.effect is Effect.HIDE else asked._replace(bar=ruling)
        )

    def _marked(self, sight: Sight, own: Own) -> Sight:
        sight = replace(sight, told=max(sight.told, own.serial))
        if not own.marks:
            return sight
        mine = {upload.filename for upload in own.uploads or ()}
        rest = structs.replace(sight.page, files=(*sight.withheld.values(),))
        withheld = own.marks.over(rest, mine).files
        page = own.marks.over(sight.page, mine)
        return replace(sight, page=page, withheld=by_name(withheld))

    async def _judged(self, index: str, sight: Sight, admissions: Sequence[Admission]) -> Sight:
        """The page with the index's rules, which see all that is offered to it."""
        clauses = self.index(index).clauses
        if not clauses:
            return sight
        offered = sight.offered
        offer = Offer(
            index,
            sight.page.name,
            candidates(offered, sight),
            listed=offered.versions,
            serial=sight.told,
        )
        offer = await self.informed(offer, clauses)
        question = (sight, offered, offer, clauses, self.clock(), admissions)
        if len(offer.candidates) <= FEW:
            return ruled(*question)
        return await asyncio.to_thread(ruled, *question)

    async def informed(self, offer: Offer, clauses: Sequence[Clause]) -> Offer:
        """The offer with what the rules must know beyond it; nobody is asked if none must."""
        needs = needed(clauses, offer.project, self.clock())
        if not needs or self.knowledge is None:
            return offer
        return replace(offer, known=await self.knowledge.of(offer, needs))

    async def advisories(self, sight: Sight) -> tuple[Advisory, ...]:
        """What is known against versions of a project.

        Of one that was uploaded here nothing is: advisories are about PyPI's projects.
        """
        if sight.hosted or self.knowledge is None:
            return ()
        offer = Offer(sight.owner, sight.page.name, ())
        return (await self.knowledge.of(offer, frozenset({"advisories"}))).advisories or ()

    async def _found(self, index: str, project: ProjectName, own: Own, asked: Asked) -> Sight:
        if own.uploads:
            sight = Sight(
                hosted_page(project, own.uploads),
                index,
                hosted=True,
                until=FOREVER,
                serials={index: own.serial},
                uploads=own.uploads,
            )
            return await self._with_sources(index, sight, asked)
        deleted = ProjectDeleted(
            f"all files of {project} were deleted from index {index}; "
            "the name stays its own, upload a new version to use it again"
        )
        if own.uploads is None:
            return await self._from_sources(index, project, asked)
        if not self.index(index).merges(project):
            raise deleted
        try:
            return await self._from_sources(index, project, asked)
        except NoSuchProject:
            raise deleted from None

    async def _with_sources(self, index: str, sight: Sight, asked: Asked) -> Sight:
        """Own uploads, and what the sources have beside them if the project is merged."""
        if not self.index(index).merges(sight.page.name):
            return sight
        try:
            return merged([sight, await self._from_sources(index, sight.page.name, asked)])
        except ProjectDeleted:
            return sight
        except NoSuchProject as e:
            until = FOREVER if e.max_age is None else self._until([e.max_age])
            return replace(sight, until=until)

    async def _from_sources(self, index: str, project: ProjectName, asked: Asked) -> Sight:
        """What the first source says that has the project, while those before it have not.

        Of a project that is merged: what all of them say.
        """
        ages: list[float] = []
        without: list[str] = []
        found: list[Sight] = []
        last: Elsewhere | ProjectDeleted | None = None
        one = self.index(index)
        for source in one.sources_of(project):
            try:
                found.append(await self._ask(source, project, one, asked))
            except NotThen:
                if not one.merges(project):
                    raise
                continue
            except NoSuchProject as e:
                ages += [] if e.max_age is None else [e.max_age]
                without += e.upstreams
                last = e if isinstance(e, Elsewhere) else last
                continue
            except ProjectDeleted as e:
                if not one.merges(project):
                    raise
                last = e
                continue
            if not one.merges(project):
                break
        if not found:
            raise last or NoSuchProject(
                f"index {index} has no project {project}",
                max_age=min(ages, default=None),
                upstreams=tuple(without),
            )
        if not one.merges(project):
            await self._note(without, project)
        sight = merged(found)
        return replace(sight, until=min(sight.until, self._until(ages))) if ages else sight

    async def _note(self, upstreams: Sequence[str], project: ProjectName) -> None:
        """Remember who was asked in vain before another answered: the past asks nobody."""
        for upstream in upstreams:
            try:
                if self.absences is not None:
                    await self.absences.note(upstream, project, self.clock())
            except Error as e:  # a full disk, say, keeps nobody from the page
                log.warning("absence not noted", upstream=upstream, project=project, error=repr(e))

    def _until(self, ages: list[float]) -> datetime:
        """When one of several absences ends; a moment from now at the soonest."""
        return self.clock() + timedelta(seconds=max(1.0, min(ages)))

    async def _ask(self, source: str, project: ProjectName, index: Index, asked: Asked) -> Sight:
        if source in self.indexes:
            return await self._project(source, project, asked)
        if index.fallthrough == "none":
            raise NoSuchProject(f"index {index.name} asks no upstream for {project}")
        if asked.bar is not None:
            raise denied(asked.place, f"all of {project}", asked.bar)
        if index.fallthrough == "redirect" and source in self.redirects:
            raise Elsewhere.at(source, self.redirects[source], project)
        answer = await self.upstreams[source].page(project)
        return Sight(
            answer.page,
            source,
            hosted=False,
            until=answer.until,
            serials={source: answer.serial},
            told=answer.serial,
        )

    async def projects(self, index: str) -> list[ProjectName]:
        """Every project that the index lists: uploaded, or kept of an upstream. Sorted."""
        return await self.held(index, self.pages)

    async def held(self, index: str, upstreams: Holder) -> list[ProjectName]:
        """Every project that the index lists: uploaded, or held of an upstream. Sorted."""
        one, ways, listed = self.index(index), self.ways(index), (await self.listing(index)).ways
        names: dict[ProjectName, bool] = {}
        for place in ways.places:
            held = self.ledger if place in self.indexes else upstreams
            for name in await held.projects(place):
                # The first owner decides, or any if it is merged.
                if (name not in names or one.merges(name)) and place in ways.of(name):
                    is_listed = listed.withholds is None or place in listed.of(name)
                    names[name] = is_listed or names.get(name, False)
        return sorted(name for name, is_listed in names.items() if is_listed)

    async def listing(self, index: str) -> Listing:
        """Which projects the index's lists may name. Raise NoSuchIndex."""
        return await listing(self.ways(index), self.ledger, self.clock())

    def closure(self, index: str) -> list[str]:
        """The index and everything that it draws on, in the order in which it is asked."""
        return list(self.ways(index).places)

    def ways(self, index: str) -> Ways:
        """Raise NoSuchIndex."""
        return Ways(self.indexes, self.index(index).name)
