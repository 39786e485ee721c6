"""What another system has kept of an upstream's, as what is kept of it here."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from cloche.core import archive, backfill
from cloche.core.errors import DigestMismatch, Error, NoSuchFile
from cloche.core.filenames import parse
from cloche.core.model import METADATA, Artifact, File, Page, ProjectName
from cloche.core.wire import read_page
from cloche.ports import (
    Clock,
    Document,
    Find,
    Findings,
    Hashed,
    Kept,
    Lot,
    PageStore,
    Pulse,
    Spool,
    Stock,
    Way,
)
from cloche.service.fetch import Fetch
from cloche.service.imports import Brought, Event, Paged, contradicted, here
from cloche.service.sight import artifact_of
from cloche.service.upstream import CachedUpstream

MAX_PAGES = 64  # that are remembered: files of a project often come one after the other


@dataclass(frozen=True, slots=True)
class Cache:
    """Files that the upstream's page lists, whose digest it or the stock's own records state."""

    stock: Stock
    upstream: CachedUpstream
    address: str  # of its pages, with a slash at the end
    way: Way
    pages: PageStore
    findings: Findings
    fetch: Fetch
    spool: Spool
    pulse: Pulse
    clock: Clock
    _known: dict[ProjectName, Page] = field(default_factory=dict)

    async def end(self) -> None:
        await self.pulse.settle()

    async def finish(self, lot: Lot) -> Event | None:  # noqa: ARG002 - documentation is not kept
        return None

    async def begin(self, lot: Lot) -> Event | None:
        """Keep the upstream's page that the stock has, unless one is kept.

        It has lost its time: the upstream is asked for a new one when somebody asks for it.
        """
        if lot.page is None or lot.project is None:
            return None
        # As whoever asks the upstream does: nobody else keeps a page meanwhile.
        async with self.spool.lock(f"page {self.upstream.name} {lot.project}"):
            if (known := await self.upstream.known(lot.project)) is not None:
                self._remember(lot.project, known)
                return None
            document = self._placed(lot.project, lot.page)
            page = await asyncio.to_thread(self._parsed, lot.project, document)
            self._remember(lot.project, page)
            if self.way != "look":
                await self._keep(lot.project, page, document)
        return Paged(lot.project)

    async def bring(self, lot: Lot, find: Find) -> Event:
        """Raise NoSuchFile when no page lists it, DigestMismatch when it is another."""
        project = lot.project or parse(find.filename).project
        file = (await self._page(lot, project)).find(find.filename)
        if file is None:
            raise NoSuchFile(f"{self.upstream.name} does not list {find.filename}")
        artifact = artifact_of(self.upstream.name, project, file)
        kept = await self.fetch.kept(artifact) is not None
        if kept and self.way != "move":
            return here(find)
        with self.spool.scratch() as scratch:
            async with self.stock.taken(find.path, scratch, self.way) as content:
                self._check(find, file, content)
                if not kept and self.way != "look":
                    await self._adopt(artifact, file, content)
        if self.way == "move":
            await self.stock.remove(find.path)
        return here(find) if kept else _brought(find, project, file)

    def _check(self, find: Find, file: File, content: Hashed) -> None:
        """Doubt means no: what nothing vouches for might be anything."""
        if (contradiction := contradicted(find, content)) is not None:
            raise DigestMismatch(contradiction)
        listed = {name: said for name, said in file.hashes.items() if name in content.digests}
        for name, said in listed.items():
            if content.digests[name] != said:
                raise DigestMismatch(
                    f"{self.upstream.name} lists {name} {said}, but the file has "
                    f"{content.digests[name]}"
                )
        if not listed and not find.hashes.keys() & content.digests.keys():
            raise DigestMismatch(
                f"{self.upstream.name} lists no digest of {find.filename}, and no record states one"
            )

    async def _adopt(self, artifact: Artifact, file: File, content: Hashed) -> None:
        """Keep a wheel's metadata too, if it is what is promised: clients ask for it first."""
        metadata = await asyncio.to_thread(_metadata, file, content)
        await self.fetch.adopt(artifact, content.spooled)
        if metadata is None:
            return
        said = file.core_metadata if isinstance(file.core_metadata, dict) else {}
        beside = replace(artifact, filename=file.filename + METADATA, hashes=said, size=None)
        with suppress(DigestMismatch):  # it is fetched when somebody asks
            await self.fetch.keep(beside, metadata)

    async def _page(self, lot: Lot, project: ProjectName) -> Page:
        """What is kept of the upstream's page; it is asked only where nothing is, here or there."""
        page = self._known.get(project) or await self.upstream.known(project)
        if page is None and lot.page is not None:
            page = self._parsed(project, self._placed(project, lot.page))
        if page is None:
            page = (await self.upstream.page(project)).page
        self._remember(project, page)
        return page

    def _remember(self, project: ProjectName, page: Page) -> None:
        while len(self._known) >= MAX_PAGES:
            del self._known[next(iter(self._known))]
        self._known[project] = page

    def _placed(self, project: ProjectName, document: Document) -> Document:
        """Links of a page that was written for another place lead where the upstream's would."""
        return replace(document, url=document.url or f"{self.address}{project}/")

    def _parsed(self, project: ProjectName, document: Document) -> Page:
        return read_page(
            project,
            document.body,
            document.content_type,
            document.url,
            max_files=self.upstream.max_files,
        )

    async def _keep(self, project: ProjectName, page: Page, document: Document) -> None:
        now = self.clock()
        seen = backfill.sightings(page) if self.upstream.watched else backfill.timeless(page)
        if seen:
            await self.findings.see(self.upstream.name, project, seen, now)
        await self.pages.keep(self.upstream.name, project, _lapsed(document, now))


def _brought(find: Find, project: ProjectName, file: File) -> Brought:
    return Brought(
        path=find.path,
        filename=find.filename,
        project=project,
        size=find.size,
        uploaded_at=file.upload_time or find.modified,
        stated=file.upload_time is not None,
    )


def _lapsed(document: Document, now: datetime) -> Kept:
    return Kept(
        document=document, serial=0, etag=None, first_seen=now, checked_at=now, fresh_until=now
    )


def _metadata(file: File, content: Hashed) -> bytes | None:
    """A wheel's metadata, where it can be read."""
    if not file.core_metadata or not file.filename.endswith(".whl"):
        return None
    try:
        with content.spooled.path.open("rb") as wheel:
            return archive.wheel_metadata(parse(file.filename), wheel)
    except Error:
        return None
