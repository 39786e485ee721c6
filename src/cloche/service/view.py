"""The read path: what an index shows, and which of its sources says so."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from msgspec import structs
from packaging.version import Version

from cloche.core.advisories import Advisory
from cloche.core.errors import (
    Denied,
    Elsewhere,
    Forbidden,
    NoSuchFile,
    NoSuchIndex,
    NoSuchProject,
    NotThen,
    ProjectDeleted,
)
from cloche.core.filenames import known_version
from cloche.core.index import Index, Ways
from cloche.core.known import Known, Need
from cloche.core.marks import yanked
from cloche.core.model import (
    BESIDE,
    Artifact,
    File,
    FileKey,
    Held,
    Page,
    ProjectName,
    Status,
    Upload,
)
from cloche.core.policy import (
    FOREVER,
    Admission,
    Candidate,
    Clause,
    Effect,
    Offer,
    Ruling,
    Rulings,
    joined,
    judge,
    needed,
    settled,
    shut,
    withheld_by,
)
from cloche.core.wire import QUARANTINED, versions_of
from cloche.ports import Clock, KeptPages, Own, Records
from cloche.service.listing import Listing, listing
from cloche.service.upstream import FEW, Answer


class Origin(NamedTuple):
    """The index or upstream that a file comes from."""

    owner: str
    hosted: bool


@dataclass(frozen=True, slots=True)
class Sight:
    """A project as an index shows it. `owner` is the index or upstream that answers for it.

    Of a merged project that is the first of its owners; `origins` has the owners of the files
    that are not its.
    """

    page: Page  # what is listed
    owner: str
    hosted: bool  # all of it was uploaded here, as opposed to an upstream's
    until: datetime  # when to look again, if nothing is journaled before
    serials: Mapping[str, int]  # of each owner: the entry by which its page became what it is
    told: int = 0  # of the newest entry that changed it: an owner's, or a mark's on the way to it
    uploads: tuple[Upload, ...] = ()  # what the ledger knows of the page's files
    withheld: Mapping[str, File] = field(
        default_factory=dict
    )  # what rules keep off the page, by filename
    rulings: Rulings = field(
        default_factory=dict
    )  # of all files that any rule objects to, lifted ones too
    origins: Mapping[str, Origin] = field(default_factory=dict)
    ruled_until: datetime = FOREVER  # when the same rules may say something else of the same files

    def origin(self, filename: str) -> Origin:
        """Where a file of the page comes from."""
        return self.origins.get(filename) or Origin(self.owner, hosted=self.hosted)

    @property
    def owners(self) -> Mapping[str, bool]:
        """The indexes and upstreams that files come from; whether these were uploaded there."""
        return dict(self.origins.values()) or {self.owner: self.hosted}

    @property
    def offered(self) -> Page:
        """The page without the rules: all that the sources offer."""
        if not self.withheld:
            return self.page
        return structs.replace(self.page, files=(*self.page.files, *self.withheld.values()))

    def check_withheld(self, index: str, filename: str) -> None:
        """Raise Denied unless whoever knows the file's address may have it."""
        ruling = settled(self.rulings.get(filename, ()))
        if ruling is not None and ruling.effect is Effect.DENY:
            raise denied(index, filename, ruling)

    def check_shown(self, index: str) -> None:
        """Raise Denied when there are files, and rules withhold all of them."""
        if self.withheld and not self.page.files:
            rulings = [settled(self.rulings[name]) for name in self.withheld]
            soonest = min(
                (each for each in rulings if each is not None),
                key=lambda each: each.until or FOREVER,
            )
            raise denied(index, f"every file of {self.page.name}", soonest)


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
        return replace(sight, page=page, withheld=_by_name(withheld))

    async def _judged(self, index: str, sight: Sight, admissions: Sequence[Admission]) -> Sight:
        """The page with the index's rules, which see all that is offered to it."""
        clauses = self.index(index).clauses
        if not clauses:
            return sight
        offered = sight.offered
        offer = Offer(index, sight.page.name, _candidates(offered, sight))
        offer = await self._informed(offer, clauses)
        question = (sight, offered, offer, clauses, self.clock(), admissions)
        if len(offer.candidates) <= FEW:
            return _ruled(*question)
        return await asyncio.to_thread(_ruled, *question)

    async def _informed(self, offer: Offer, clauses: Sequence[Clause]) -> Offer:
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
                f"index {index} has no project {project}", max_age=min(ages, default=None)
            )
        sight = merged(found)
        return replace(sight, until=min(sight.until, self._until(ages))) if ages else sight

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

    async def unlisted(
        self, index: str, project: ProjectName, key: FileKey, filename: str
    ) -> Artifact:
        """A file that its upstream listed once, and that is kept: a lock file may still name it.

        Raise NoSuchFile when there is none such, or another source that comes first now owns
        the name; Forbidden when an index on the way to it holds the project in quarantine.
        """
        _, found = await self._kept((index,), project, key, filename)
        if found is None:
            raise NoSuchFile(f"index {index} has no such file {filename} of {project}")
        above, held = found
        await self._check_released(above, project)
        await self.upstreams[held.upstream].check_kept(held)
        await self._check_judged(above, held)
        return _gone(held)

    async def _kept(
        self, way: tuple[str, ...], project: ProjectName, key: FileKey, filename: str
    ) -> tuple[bool, tuple[tuple[str, ...], Held] | None]:
        """Whether the end of the way answers for the project; the file, and all above it."""
        *above, place = way
        if place in self.upstreams:
            held = await self.pages.held(place, key, filename)
            if held is not None and held.project == project:
                return True, (tuple(above), held)
            return await self._owns(place, project), None
        owned, merges = await self._owns(place, project), self.index(place).merges(project)
        for source in self.ways(place).sources(project):
            if owned and not merges:
                break
            here, found = await self._kept((*way, source), project, key, filename)
            if found is not None:
                return True, found
            owned = owned or here
        return owned, None

    async def _owns(self, source: str, project: ProjectName) -> bool:
        """Whether the source answers for the project, as far as is known here."""
        if source in self.upstreams:
            return await self.pages.recall(source, project) is not None
        return (await self.ledger.own(source, project)).uploads is not None

    async def _check_released(self, indexes: Iterable[str], project: ProjectName) -> None:
        """Raise Forbidden when the first of them that gives the project a status holds it back."""
        for index in indexes:
            marks = (await self.ledger.own(index, project)).marks
            if marks.status is Status.QUARANTINED:
                raise quarantined(index, project, marks.reason)
            if marks.status is not None:
                return

    async def _check_judged(self, indexes: Sequence[str], held: Held) -> None:
        """Raise Denied when a rule on the way would not have the file if it were listed still."""
        if not any(self.index(index).clauses for index in indexes):
            return
        file = await self._as_listed(held)
        listed = await self.upstreams[held.upstream].known(held.project)
        others = [each for each in listed.files if each.filename != file.filename] if listed else []
        candidates = [Candidate(each, held.upstream, hosted=False) for each in (*others, file)]
        for index in reversed(indexes):
            clauses = self.index(index).clauses
            offer = await self._informed(Offer(index, held.project, candidates), clauses)
            admitted = (await self.ledger.own(index, held.project)).admissions
            rulings = judge(offer, clauses, self.clock(), admitted).rulings
            ruling = settled(rulings.get(file.filename, ()))
            if ruling is not None and ruling.effect is Effect.DENY:
                raise denied(index, held.filename, ruling)

    async def _as_listed(self, held: Held) -> File:
        """The file, or that beside which it lies, as a page would have it that knows no more."""
        name = next((held.filename[: -len(e)] for e in BESIDE if held.filename.endswith(e)), None)
        whole = held if name is None else await self.pages.held(held.upstream, held.key, name)
        return File(
            filename=name or held.filename,
            hashes={"sha256": whole.digest} if whole else {},
            size=whole.size if whole else None,
            upload_time=held.at,  # it is no younger than that
            first_seen=held.at,
            listed_key=held.key,
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


def merged(sights: Sequence[Sight]) -> Sight:
    """Several owners' pages as one: of files of one name, the first owner's counts.

    An owner that holds the project in quarantine adds no file.
    """
    first, *rest = sights
    if not rest:
        return first
    offering = [first, *(sight for sight in rest if sight.page.status != QUARANTINED)]
    files: dict[str, File] = {}
    withheld: dict[str, File] = {}
    origins: dict[str, Origin] = {}
    rulings: dict[str, tuple[Ruling, ...]] = {}
    for sight in offering:
        for file in sight.offered.files:
            name = file.filename
            if name not in origins:
                origins[name] = sight.origin(name)
                (withheld if name in sight.withheld else files)[name] = file
                if name in sight.rulings:
                    rulings[name] = sight.rulings[name]
    versions = dict.fromkeys(each for sight in offering for each in versions_of(sight.page))
    return replace(
        first,
        page=structs.replace(first.page, files=tuple(files.values()), versions=tuple(versions)),
        hosted=all(sight.hosted for sight in sights),
        until=min(sight.until for sight in sights),
        ruled_until=min(sight.ruled_until for sight in sights),
        serials={place: serial for sight in sights for place, serial in sight.serials.items()},
        told=max(sight.told for sight in sights),
        uploads=tuple(upload for sight in offering for upload in sight.uploads),
        withheld=withheld,
        rulings=rulings,
        origins=origins,
    )


def _candidates(offered: Page, sight: Sight) -> list[Candidate]:
    owner, hosted = sight.owner, sight.hosted
    if not sight.origins:
        return [Candidate(file, owner, hosted=hosted) for file in offered.files]
    origins = ((file, sight.origin(file.filename)) for file in offered.files)
    return [Candidate(file, owner, hosted=hosted) for file, (owner, hosted) in origins]


def _ruled(
    sight: Sight,
    offered: Page,
    offer: Offer,
    clauses: Sequence[Clause],
    now: datetime,
    admissions: Sequence[Admission],
) -> Sight:
    found = judge(offer, clauses, now, admissions)
    rulings = joined(sight.rulings, found.rulings)
    ruled_until = min(sight.ruled_until, found.until)
    return replace(
        _sifted(sight, offered, offer.candidates, rulings),
        rulings=rulings,
        ruled_until=ruled_until,
        until=min(sight.until, ruled_until),
    )


def _sifted(
    sight: Sight, offered: Page, candidates: Sequence[Candidate], rulings: Rulings
) -> Sight:
    """What is offered, parted in two: what no rule objects to, and the rest."""
    out = {name for name, each in rulings.items() if withheld_by(each)}
    if not out:
        return replace(sight, page=offered, withheld={})
    listed = [each for each in candidates if each.file.filename not in out]
    withheld = [each for each in candidates if each.file.filename in out]
    gone = _versions(withheld) - _versions(listed) - {None}
    page = structs.replace(
        offered,
        files=tuple(each.file for each in listed),
        versions=tuple(each for each in offered.versions if known_version(each) not in gone),
    )
    return replace(sight, page=page, withheld=_by_name(each.file for each in withheld))


def _versions(candidates: Iterable[Candidate]) -> set[Version | None]:
    return {each.version for each in candidates}


def _by_name(files: Iterable[File]) -> dict[str, File]:
    return {file.filename: file for file in files}


def denied(index: str, what: str, ruling: Ruling) -> Denied:
    """Why it is not to be had, and how long (DESIGN, promise 6)."""
    until = f", until {ruling.until:%Y-%m-%d %H:%M:%S} UTC" if ruling.until else ""
    return Denied(
        f"{what} is withheld in index {ruling.index} by its rule {ruling.rule}: "
        f"{ruling.reason}{until}; choose another version, or ask whoever manages the index",
        {
            "index": index,
            "by": ruling.index,
            "rule": ruling.rule,
            "kind": ruling.kind,
            "reason": ruling.reason,
            "clock": ruling.clock,
            "until": ruling.until,
        },
    )


def quarantined(index: str, project: ProjectName, reason: str | None) -> Forbidden:
    """Why a file is not served (PEP 792)."""
    why = f" ({reason})" if reason else ""
    return Forbidden(
        f"{project} is quarantined{why}, so its files are not served; whoever manages index "
        f"{index} can end that with `cloche status {project} active --index {index}`"
    )


def _gone(held: Held) -> Artifact:
    """What is kept of a file that has no address any more."""
    return Artifact(
        upstream=held.upstream,
        project=held.project,
        filename=held.filename,
        url="",
        key=held.key,
        hashes={"sha256": held.digest},
        size=held.size,
    )


def hosted_page(project: ProjectName, uploads: Iterable[Upload]) -> Page:
    """The page of a project that was uploaded here."""
    held = tuple(uploads)
    # PEP 503: who states signatures should do so on every link.
    states = any(upload.signature for upload in held)
    return Page(name=project, files=tuple(_hosted_file(each, states=states) for each in held))


def _hosted_file(upload: Upload, *, states: bool) -> File:
    return File(
        filename=upload.filename,
        hashes={"sha256": upload.digest},
        size=upload.size,
        upload_time=upload.uploaded_at,
        requires_python=upload.requires_python,
        core_metadata={"sha256": upload.metadata} if upload.metadata else False,
        yanked=yanked(upload.yanked_reason, upload.yanked),
        gpg_sig=upload.signature is not None if states else None,
        provenance=upload.provenance,
    )


def artifact_of(upstream: str, project: ProjectName, file: File) -> Artifact:
    """What to fetch for a file that an upstream's page lists."""
    return Artifact(
        upstream=upstream,
        project=project,
        filename=file.filename,
        url=file.url,
        key=file.key,
        hashes=file.hashes,
        size=file.size,
    )
