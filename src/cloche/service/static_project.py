"""One project as static files: what it must have in the target, and bringing it there.

New files first, then the pages, then what was there before and is no more: whatever a reader finds
on a page is there. What is to lie there is written down before it does, so that the next run knows
what one that was killed has left.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from cloche.core.errors import (
    BadName,
    BadSetting,
    Error,
    Forbidden,
    NotFound,
    StorageDown,
    StorageFull,
    TooLarge,
)
from cloche.core.filenames import parse
from cloche.core.model import (
    MAX_FILENAME,
    METADATA,
    PROVENANCE,
    SIGNATURE,
    File,
    Page,
    ProjectName,
)
from cloche.core.static import (
    Known,
    Manifest,
    Piece,
    attested,
    digest_of,
    manifest_path,
    offered,
    piece_of,
    read_manifest,
)
from cloche.ports.sites import Site
from cloche.service.abreast import each
from cloche.service.shelf import Shelf
from cloche.service.sight import Sight
from cloche.service.static_bytes import Job, StaticBytes
from cloche.service.static_documents import Documents
from cloche.service.static_way import Lacked, Left, Narrow, Tell, Way, Wrote

UNLISTED = -1
"""In place of a serial: no page is there, and nothing says that there should be none."""

LOOKS = 3  # at a page that changes while its files are fetched
FATAL = (BadSetting, StorageDown, StorageFull)
"""What no other project would fare better with."""


@dataclass(frozen=True, slots=True)
class _Item:
    """One file that is to lie in the target, with what its bytes are."""

    path: str
    piece: Piece


@dataclass(slots=True)
class _Ready:
    """A file of the page, with all that lies beside it, ready to be written."""

    file: File
    folder: str
    items: list[_Item]


@dataclass(frozen=True, slots=True)
class _Found:
    """A project as it is to be in the target."""

    sight: Sight
    page: Page
    ready: Sequence[_Ready]
    until: datetime
    digest: str  # of the page before anything was left out


class _Later(NamedTuple):
    """What goes when no page lists it any more, and what is written down then."""

    name: ProjectName
    gone: Sequence[str]
    after: Manifest


@dataclass(frozen=True, slots=True)
class StaticProject:
    way: Way
    shelf: Shelf
    contents: StaticBytes
    site: Site
    narrow: Narrow | None
    tell: Tell
    documents: Documents
    slots: asyncio.Semaphore  # for files on their way, of all projects
    later: list["_Later"] = field(default_factory=list)

    async def stands(self, name: ProjectName, known: Known) -> bool:
        """Whether all that was written lies in the target still, as far as sizes tell."""
        if not self.site.lasting:
            before = read_manifest(await self.site.read(manifest_path(name)))
            sizes = await self.site.sizes([*before.pieces])
            if not before.whole or sizes != [each.size for each in before.pieces.values()]:
                return False
        self.tell(Wrote(name, 0, 0, known.files, 0))
        return True

    async def update(self, name: ProjectName, known: Known | None) -> Known | None:
        """Bring the project up to date; return what it is now, None if it has no page.

        What the index does not show, or shows nothing of, has none. What cannot be had stays as
        it is: UNLISTED if that is no page. What is `known` already is not made again. Raise what
        is FATAL.
        """
        job = await self._job(name)
        try:
            if known is not None and (same := await self._same(name, known)) is not None:
                return same
            found = await self._looked(job)
        except (NotFound, Forbidden) as e:
            if self.narrow is not None:  # it was asked for by name
                self.tell(Lacked(name, None, e.detail))
            return None
        except FATAL:
            raise
        except Error as e:
            return await self._as_before(job, e)
        try:
            files = await self._write(job, found)
        except FATAL:
            raise
        except Error as e:
            return await self._as_before(job, e)
        whole = not (job.lacking or job.left)
        return Known(
            found.sight.told,
            files,
            found.until if whole else None,
            found.digest,
        )

    async def _same(self, name: ProjectName, known: Known) -> Known | None:
        """What is known, if the page says that still."""
        if known.until is None:
            return None
        shown = await self.shelf.get(self.way.index, name)
        page, lacking = await self._wanted(shown.page)
        if lacking or await self._digest(shown.sight, page) != known.page:
            return None
        return replace(known, until=shown.until) if await self.stands(name, known) else None

    async def _digest(self, sight: Sight, page: Page) -> str:
        return await asyncio.to_thread(digest_of, page, sight.told)

    async def _as_before(self, job: Job, error: Error) -> Known:
        self.tell(Lacked(job.name, None, error.detail))
        if self.way.layout.flat:
            return Known(job.before.serial if job.before.links else UNLISTED, 0)
        (page,) = await self.site.sizes([self.way.layout.page_path(job.name)])
        return Known(UNLISTED if page is None else job.before.serial, 0)

    async def finish(self) -> None:
        """Take away what the page of all links has no link to any more."""
        for each_left in self.later:
            await self.site.remove(each_left.gone)
            await self._record(each_left.name, each_left.after)

    async def remove(self, name: ProjectName) -> None:
        """Take all of the project away."""
        before = read_manifest(await self.site.read(manifest_path(name)))
        if not self.way.dry:
            await self.site.remove(self._pages_first(before.pieces))
            await self.site.remove([manifest_path(name)])
        self.tell(Wrote(name, 0, 0, 0, len(before.pieces)))

    # What is to be there -----------------------------------------------------------------------

    async def _job(self, name: ProjectName) -> Job:
        before = read_manifest(await self.site.read(manifest_path(name)))
        known = {path: piece for path, piece in before.pieces.items() if piece.digest}
        sizes = await self.site.sizes([*known])
        there = {
            path: piece
            for (path, piece), size in zip(known.items(), sizes, strict=True)
            if size is not None and size == piece.size
        }
        job = Job(name, before, there)
        for path, piece in there.items() if self.way.layout.by_content else ():
            folder, filename = self.way.layout.split(path)
            job.folders[filename, piece.digest] = folder
        return job

    async def _looked(self, job: Job) -> _Found:
        """Look at the page, and have its files; and look again if they tell more about it."""
        found = await self._look(job)
        looks = 1
        while job.fetched and looks < LOOKS:
            found, looks = await self._look(job), looks + 1
        for lacked in job.lacking:
            self.tell(lacked)
        if job.left:
            self.tell(Left(job.name, job.left))
        return found

    async def _look(self, job: Job) -> _Found:
        shown = await self.shelf.get(self.way.index, job.name)
        shown.sight.check_shown(self.way.index)
        page, lacking = await self._wanted(shown.page)
        digest = await self._digest(shown.sight, page)
        job.left, job.fetched, job.lacking = 0, False, [*lacking]
        found: dict[str, _Ready] = {}

        async def make_ready(file: File) -> None:
            made = await self._ready(job, file)
            if made is not None:
                found[file.filename] = made

        await each(offered(page), self.way.jobs, make_ready)
        ready = [found[file.filename] for file in offered(page) if file.filename in found]
        if len(ready) < len(offered(page)):
            page = replace(page, versions=())  # those of the files that are there
        page = replace(page, files=tuple(one.file for one in ready))
        return _Found(shown.sight, page, ready, shown.until, digest)

    async def _wanted(self, page: Page) -> tuple[Page, Sequence[Lacked]]:
        return (page, ()) if self.narrow is None else await asyncio.to_thread(self.narrow, page)

    async def _ready(self, job: Job, file: File) -> _Ready | None:
        """None when the file cannot be had: no page of the export lists it then."""
        async with self.slots:
            try:
                self._check_name(job.name, file.filename)
                piece, folder = await self._placed(job, file)
            except FATAL:
                raise
            except Error as e:
                job.lacking.append(Lacked(job.name, file.filename, e.detail))
                return None
            if piece is None:
                job.left += 1
                return None
            main = _Item(self.way.layout.path(folder, file.filename), piece)
            ready = _Ready(file, folder, [main])
            await self._beside(job, ready)
            return ready

    def _check_name(self, project: ProjectName, filename: str) -> None:
        """Raise BadName where it could be another project's file, too, or the page itself."""
        if self.way.layout.flat and parse(filename).project != project:
            raise BadName(f"its name is of another project than {project}, and one folder has both")

    async def _placed(self, job: Job, file: File) -> tuple[Piece | None, str]:
        """The file's bytes, and the folder that they belong in."""
        layout = self.way.layout
        if not layout.by_content:
            folder = layout.folder(job.name, file, "")
            return await self.contents.had(
                job, file, "", layout.path(folder, file.filename)
            ), folder
        known = job.folders.get((file.filename, file.sha256)) if file.sha256 else None
        if known is not None:
            return job.there[layout.path(known, file.filename)], known
        piece = await self.contents.had(job, file, "", "")
        here = piece and piece.digest and await self.contents.blobs.size(piece.digest) is not None
        blake2 = await self.contents.blake2(piece.digest) if piece and piece.digest and here else ""
        return piece, layout.folder(job.name, file, blake2)

    async def _beside(self, job: Job, ready: _Ready) -> None:
        """Metadata, signature and provenance. What cannot be had is not promised on the page."""
        file = ready.file
        if self.way.layout.flat:
            return
        if file.core_metadata and not await self._lies_beside(job, ready, METADATA):
            ready.file = replace(ready.file, core_metadata=False)
        if file.gpg_sig and not await self._lies_beside(job, ready, SIGNATURE):
            ready.file = replace(ready.file, gpg_sig=False)
        if file.provenance:
            path = self.way.layout.path(ready.folder, file.filename + PROVENANCE)
            there = await self._lies_beside(job, ready, PROVENANCE)
            address = attested(file, path, self.way.base) if there else None
            ready.file = replace(ready.file, provenance=address)

    async def _lies_beside(self, job: Job, ready: _Ready, end: str) -> bool:
        name = ready.file.filename + end
        path = self.way.layout.path(ready.folder, name)
        try:
            if len(name.encode()) > MAX_FILENAME:
                raise TooLarge(f"its name is too long for a file: {MAX_FILENAME} bytes at most")
            piece = await self.contents.had(job, ready.file, end, path)
        except FATAL:
            raise
        except Error as e:
            job.lacking.append(Lacked(job.name, name, e.detail))
            return False
        if piece is not None:
            ready.items.append(_Item(path, piece))
        return piece is not None

    # Bringing it there -------------------------------------------------------------------------

    async def _write(self, job: Job, found: _Found) -> int:
        """How many files it has there."""
        serial, ready = found.sight.told, found.ready
        pages = await self._pages(found)
        files = {item.path: item.piece for each in ready for item in each.items}
        after = Manifest(
            {**files, **{path: piece_of(data) for path, data in pages.items()}},
            serial,
            whole=True,
            links=self.way.layout.links(found.page),
        )
        new = {path: p for path, p in after.pieces.items() if job.there.get(path) != p}
        gone = [path for path in job.before.pieces if path not in after.pieces]

        async def put(path: str) -> None:
            await self._put(path, files[path])

        if not self.way.dry and after != (job.before if not new else None):
            if new or gone:
                both = {**job.before.pieces, **after.pieces}
                await self._record(job.name, Manifest(both, serial, links=after.links))
                await each([p for p in new if p in files], self.way.jobs, put)
                for path in new.keys() & pages.keys():
                    await self.site.write(path, pages[path])
            if gone and self.way.layout.flat:
                self.later.append(_Later(job.name, gone, after))
            else:
                await self.site.remove(gone)
                await self._record(job.name, after)
        sizes = sum(piece.size or 0 for piece in new.values())
        self.tell(Wrote(job.name, len(new), sizes, len(after.pieces) - len(new), len(gone)))
        return len(after.pieces)

    async def _pages(self, found: _Found) -> dict[str, bytes]:
        page, folders = found.page, {each.file.filename: each.folder for each in found.ready}
        # In a thread: a page may have thousands of files.
        pages = await asyncio.to_thread(self.way.layout.page, page, folders)
        paths = () if self.way.dry else self.way.layout.document_paths(page.name)
        if paths:
            pages |= dict.fromkeys(paths, await self.documents.of(found.sight, page, folders))
        return pages

    async def _put(self, path: str, piece: Piece) -> None:
        digest = piece.digest
        if digest is not None:
            async with self.slots:
                await self.site.put(path, digest, lambda: self.contents.chunks(digest))

    async def _record(self, name: ProjectName, manifest: Manifest) -> None:
        await self.site.write(manifest_path(name), msgspec.json.encode(manifest))

    def _pages_first(self, pieces: Mapping[str, Piece]) -> list[str]:
        return sorted(pieces, key=lambda path: path.startswith(self.way.layout.files))
