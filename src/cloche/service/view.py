"""The read path: what an index shows, and which of its sources says so."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from cloche.core.errors import (
    Elsewhere,
    Forbidden,
    NoSuchFile,
    NoSuchIndex,
    NoSuchProject,
    ProjectDeleted,
)
from cloche.core.index import Index
from cloche.core.marks import yanked
from cloche.core.model import Artifact, File, FileKey, Held, Page, ProjectName, Status, Upload
from cloche.ports import Clock, Ledger, Own, PageStore
from cloche.service.upstream import Answer

FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sight:
    """A project as an index shows it. `owner` is the index or upstream that answers for it."""

    page: Page
    owner: str
    hosted: bool  # uploaded here, as opposed to an upstream's
    until: datetime  # when to look again, if nothing is journaled before
    serial: int = 0  # of the journal entry by which the owner's page became what it is
    told: int = 0  # of the newest that changed it: the owner's, or a mark's on the way to it
    uploads: tuple[Upload, ...] = ()  # what the ledger knows of the page's files


class Source(Protocol):
    """An upstream, as far as the view needs it."""

    async def page(self, project: ProjectName) -> Answer:
        """Raise NoSuchProject when it has none; UpstreamDown or UpstreamLies when in doubt."""

    async def keeps(self, project: ProjectName) -> bool:
        """Whether its page is kept here."""


@dataclass(frozen=True, slots=True)
class View:
    indexes: Mapping[str, Index]
    upstreams: Mapping[str, Source]
    ledger: Ledger
    pages: PageStore
    clock: Clock

    def index(self, name: str) -> Index:
        """Raise NoSuchIndex."""
        found = self.indexes.get(name)
        if found is None:
            raise NoSuchIndex(f"there is no index {name!r} here")
        return found

    async def project(self, index: str, project: ProjectName) -> Sight:
        """The project's page, from the first source that owns the name, with the index's marks.

        Raise NoSuchProject when none does, ProjectDeleted when its owner has deleted all of it,
        Forbidden when clients would be sent elsewhere for a project that is quarantined here.
        A source that cannot be asked raises UpstreamDown or UpstreamLies and so ends the search:
        falling through to the next one is how a private name gets answered by a stranger.
        """
        own = await self.ledger.own(index, project)
        try:
            sight = await self._found(index, project, own)
        except Elsewhere:
            if own.marks.status is Status.QUARANTINED:  # clients are not sent to it either
                raise quarantined(index, project, own.marks.reason) from None
            raise
        sight = replace(sight, told=max(sight.told, own.serial))
        return replace(sight, page=own.marks.over(sight.page)) if own.marks else sight

    async def unmarked(self, index: str, project: ProjectName) -> tuple[Sight, Own]:
        """The page without the index's marks, and these. Raise what `project` raises."""
        own = await self.ledger.own(index, project)
        return await self._found(index, project, own), own

    async def _found(self, index: str, project: ProjectName, own: Own) -> Sight:
        if own.uploads:
            return Sight(
                hosted_page(project, own.uploads),
                index,
                hosted=True,
                until=FOREVER,
                serial=own.serial,
                uploads=own.uploads,
            )
        if own.uploads is not None:
            raise ProjectDeleted(
                f"all files of {project} were deleted from index {index}; "
                "the name stays its own, upload a new version to use it again"
            )
        return await self._from_sources(index, project)

    async def _from_sources(self, index: str, project: ProjectName) -> Sight:
        """What the first source says that has the project, while those before it have not."""
        ages: list[float] = []
        elsewhere: Elsewhere | None = None
        for source in self.index(index).sources:
            try:
                sight = await self._ask(source, project)
            except NoSuchProject as e:
                ages += [] if e.max_age is None else [e.max_age]
                elsewhere = e if isinstance(e, Elsewhere) else elsewhere
                continue
            return replace(sight, until=min(sight.until, self._until(ages))) if ages else sight
        raise elsewhere or NoSuchProject(
            f"index {index} has no project {project}", max_age=min(ages, default=None)
        )

    def _until(self, ages: list[float]) -> datetime:
        """When one of several absences ends; a moment from now at the soonest."""
        return self.clock() + timedelta(seconds=max(1.0, min(ages)))

    async def _ask(self, source: str, project: ProjectName) -> Sight:
        if source in self.indexes:
            return await self.project(source, project)
        answer = await self.upstreams[source].page(project)
        serial = answer.serial
        return Sight(
            answer.page, source, hosted=False, until=answer.until, serial=serial, told=serial
        )

    async def unlisted(
        self, index: str, project: ProjectName, key: FileKey, filename: str
    ) -> Artifact:
        """A file that its upstream listed once, and that is kept: a lock file may still name it.

        Raise NoSuchFile when there is none such, or another source that comes first now owns
        the name; Forbidden when an index on the way to it holds the project in quarantine.
        """
        for *above, source in self.ways(index):
            if source in self.upstreams:
                held = await self.pages.held(source, key, filename)
                if held is not None and held.project == project:
                    await self._check_released(above, project)
                    return _gone(held)
            if await self._owns(source, project):
                break
        raise NoSuchFile(f"index {index} has no such file {filename} of {project}")

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

    async def projects(self, index: str) -> list[ProjectName]:
        """Every project that the index holds: uploaded, or kept of an upstream. Sorted."""
        names: set[ProjectName] = set()
        for source in self.closure(index):
            kept = self.ledger if source in self.indexes else self.pages
            names.update(await kept.projects(source))
        return sorted(names)

    def closure(self, index: str) -> list[str]:
        """The index and everything that it draws on, in the order in which it is asked."""
        return [way[-1] for way in self.ways(index)]

    def ways(self, index: str) -> list[tuple[str, ...]]:
        """The first way from the index to each thing that it draws on, both ends included."""
        found: dict[str, tuple[str, ...]] = {index: (index,)}
        for source in self.index(index).sources:
            for way in self.ways(source) if source in self.indexes else [(source,)]:
                found.setdefault(way[-1], (index, *way))
        return list(found.values())


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
