"""One project as static files: what it must have in the target, and bringing it there.

New files first, then the pages, then what was there before and is no more: whatever a reader finds
on a page is there. What is to lie there is written down before it does, so that the next run knows
what one that was killed has left.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from cloche.core.errors import (
    BadSetting,
    Error,
    Forbidden,
    NoSuchFile,
    NotFound,
    StorageDown,
    StorageFull,
    TooLarge,
)
from cloche.core.filenames import version_of
from cloche.core.model import (
    MAX_FILENAME,
    METADATA,
    PROVENANCE,
    SIGNATURE,
    Digest,
    File,
    Page,
    ProjectName,
)
from cloche.core.static import (
    Manifest,
    Piece,
    attested,
    manifest_path,
    offered,
    piece_of,
    read_manifest,
)
from cloche.ports import Blobs
from cloche.ports.sites import Site
from cloche.service.abreast import each
from cloche.service.files import Files, Wanted
from cloche.service.integrity import Integrity
from cloche.service.shelf import Shelf
from cloche.service.sight import Sight
from cloche.service.static_documents import Documents
from cloche.service.static_way import Came, Lacked, Left, Narrow, Tell, Way, Wrote

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


@dataclass(slots=True)
class _Job:
    name: ProjectName
    before: Manifest
    there: dict[str, Piece]  # what of it is whole in the target
    lacking: list[Lacked] = field(default_factory=list)
    left: int = 0
    fetched: bool = False
    folders: dict[tuple[str, Digest | None], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Found:
    """A project as it is to be in the target."""

    sight: Sight
    page: Page
    ready: Sequence[_Ready]


@dataclass(frozen=True, slots=True)
class StaticProject:
    way: Way
    shelf: Shelf
    files: Files
    integrity: Integrity
    blobs: Blobs
    site: Site
    narrow: Narrow | None
    tell: Tell
    documents: Documents
    slots: asyncio.Semaphore  # for files on their way, of all projects

    async def update(self, name: ProjectName) -> int | None:
        """Bring the project up to date; return the serial of its page, None if it has none now.

        What the index does not show, or shows nothing of, has none. What cannot be had stays as
        it is: UNLISTED if that is no page. Raise what is FATAL.
        """
        job = await self._job(name)
        try:
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
            await self._write(job, found)
        except FATAL:
            raise
        except Error as e:
            return await self._as_before(job, e)
        return found.sight.told

    async def _as_before(self, job: _Job, error: Error) -> int:
        self.tell(Lacked(job.name, None, error.detail))
        (page,) = await self.site.sizes([self.way.layout.page_path(job.name)])
        return UNLISTED if page is None else job.before.serial

    async def remove(self, name: ProjectName) -> None:
        """Take all of the project away."""
        before = read_manifest(await self.site.read(manifest_path(name)))
        if not self.way.dry:
            await self.site.remove(self._pages_first(before.pieces))
            await self.site.remove([manifest_path(name)])
        self.tell(Wrote(name, 0, 0, 0, len(before.pieces)))

    # What is to be there -----------------------------------------------------------------------

    async def _job(self, name: ProjectName) -> _Job:
        before = read_manifest(await self.site.read(manifest_path(name)))
        known = {path: piece for path, piece in before.pieces.items() if piece.digest}
        sizes = await self.site.sizes([*known])
        there = {
            path: piece
            for (path, piece), size in zip(known.items(), sizes, strict=True)
            if size is not None and size == piece.size
        }
        job = _Job(name, before, there)
        for path, piece in there.items() if self.way.layout.by_content else ():
            folder, filename = self.way.layout.split(path)
            job.folders[filename, piece.digest] = folder
        return job

    async def _looked(self, job: _Job) -> _Found:
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

    async def _look(self, job: _Job) -> _Found:
        shown = await self.shelf.get(self.way.index, job.name)
        shown.sight.check_shown(self.way.index)
        page, lacking = await self._wanted(shown.page)
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
        return _Found(shown.sight, page, ready)

    async def _wanted(self, page: Page) -> tuple[Page, Sequence[Lacked]]:
        return (page, ()) if self.narrow is None else await asyncio.to_thread(self.narrow, page)

    async def _ready(self, job: _Job, file: File) -> _Ready | None:
        """None when the file cannot be had: no page of the export lists it then."""
        async with self.slots:
            try:
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

    async def _placed(self, job: _Job, file: File) -> tuple[Piece | None, str]:
        """The file's bytes, and the folder that they belong in."""
        layout = self.way.layout
        if not layout.by_content:
            folder = layout.folder(job.name, file, "")
            return await self._had(job, file, "", layout.path(folder, file.filename)), folder
        known = job.folders.get((file.filename, file.sha256)) if file.sha256 else None
        if known is not None:
            return job.there[layout.path(known, file.filename)], known
        piece = await self._had(job, file, "", "")
        here = piece and piece.digest and await self.blobs.size(piece.digest) is not None
        blake2 = await self._blake2(piece.digest) if piece and piece.digest and here else ""
        return piece, layout.folder(job.name, file, blake2)

    async def _beside(self, job: _Job, ready: _Ready) -> None:
        """Metadata, signature and provenance. What cannot be had is not promised on the page."""
        file = ready.file
        if file.core_metadata and not await self._lies_beside(job, ready, METADATA):
            ready.file = replace(ready.file, core_metadata=False)
        if file.gpg_sig and not await self._lies_beside(job, ready, SIGNATURE):
            ready.file = replace(ready.file, gpg_sig=False)
        if file.provenance:
            path = self.way.layout.path(ready.folder, file.filename + PROVENANCE)
            there = await self._lies_beside(job, ready, PROVENANCE)
            address = attested(file, path, self.way.base) if there else None
            ready.file = replace(ready.file, provenance=address)

    async def _lies_beside(self, job: _Job, ready: _Ready, end: str) -> bool:
        name = ready.file.filename + end
        path = self.way.layout.path(ready.folder, name)
        try:
            if len(name.encode()) > MAX_FILENAME:
                raise TooLarge(f"its name is too long for a file: {MAX_FILENAME} bytes at most")
            piece = await self._had(job, ready.file, end, path)
        except FATAL:
            raise
        except Error as e:
            job.lacking.append(Lacked(job.name, name, e.detail))
            return False
        if piece is not None:
            ready.items.append(_Item(path, piece))
        return piece is not None

    async def _had(self, job: _Job, file: File, end: str, path: str) -> Piece | None:
        """The bytes: as they are in the target, as they are kept here, or fetched now."""
        expected = _expected(file, end)
        there = job.there.get(path)
        if there is not None and expected in {None, there.digest}:
            return there
        if end == PROVENANCE:
            return await self._provenance(job, file)
        wanted = await self.files.find(self.way.index, job.name, file.key, file.filename + end)
        piece = await self._kept(wanted)
        if piece is None and self.way.dry and not self.way.held_only:
            return Piece(expected, 0 if end else file.size)
        if piece is None and (end == METADATA or not self.way.held_only):
            await self._fetch(job, wanted)
            piece = await self._kept(wanted)
        return piece

    async def _fetch(self, job: _Job, wanted: Wanted) -> None:
        if self.way.held_only:
            # Nobody is asked: what a kept wheel tells of itself can be read out of it.
            if wanted.wheel is None or wanted.artifact is None:
                return
            if await self.files.fetch.kept(wanted.wheel) is not None:
                await self.files.within.extract(wanted.wheel, wanted.artifact)
            return
        if wanted.artifact is None:
            raise NoSuchFile(f"{wanted.filename} was uploaded here, but its bytes are gone")
        async for more in self.files.bring(wanted):
            self.tell(Came(more))
        job.fetched = True

    async def _kept(self, wanted: Wanted) -> Piece | None:
        if wanted.artifact is not None:
            kept = await self.files.fetch.kept(wanted.artifact)
            return Piece(*kept) if kept else None
        size = await self.files.size(wanted)
        return None if size is None else Piece(wanted.digest, size)

    async def _provenance(self, job: _Job, file: File) -> Piece | None:
        if self.way.dry:
            return Piece(None, 0)
        version = version_of(file.filename) or ""
        try:
            found = await self.integrity.find(self.way.index, job.name, version, file.filename)
        except Error:
            if self.way.held_only:
                return None
            raise
        return Piece(found.digest, len(found.body))

    async def _blake2(self, digest: Digest) -> str:
        seen = blake2b(digest_size=32)
        async for chunk in self._chunks(digest):
            seen.update(chunk)
        return seen.hexdigest()

    # Bringing it there -------------------------------------------------------------------------

    async def _write(self, job: _Job, found: _Found) -> None:
        serial, ready = found.sight.told, found.ready
        pages = await self._pages(found)
        files = {item.path: item.piece for each in ready for item in each.items}
        after = Manifest(
            {**files, **{path: piece_of(data) for path, data in pages.items()}}, serial, whole=True
        )
        new = {path: p for path, p in after.pieces.items() if job.there.get(path) != p}
        gone = [path for path in job.before.pieces if path not in after.pieces]

        async def put(path: str) -> None:
            await self._put(path, files[path])

        if not self.way.dry and after != (job.before if not new else None):
            if new or gone:
                await self._record(job, Manifest({**job.before.pieces, **after.pieces}, serial))
                await each([p for p in new if p in files], self.way.jobs, put)
                for path in new.keys() & pages.keys():
                    await self.site.write(path, pages[path])
                await self.site.remove(gone)
            await self._record(job, after)
        sizes = sum(piece.size or 0 for piece in new.values())
        self.tell(Wrote(job.name, len(new), sizes, len(after.pieces) - len(new), len(gone)))

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
                await self.site.put(path, digest, lambda: self._chunks(digest))

    async def _record(self, job: _Job, manifest: Manifest) -> None:
        await self.site.write(manifest_path(job.name), msgspec.json.encode(manifest))

    async def _chunks(self, digest: Digest) -> AsyncGenerator[bytes, None]:
        size = await self.blobs.size(digest)
        async with aclosing(self.blobs.read(digest, 0, size or 0)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _pages_first(self, pieces: Mapping[str, Piece]) -> list[str]:
        return sorted(pieces, key=lambda path: path.startswith(self.way.layout.files))


def _expected(file: File, end: str) -> Digest | None:
    """What the page says of the bytes."""
    if end == METADATA:
        said = file.core_metadata.get("sha256") if isinstance(file.core_metadata, dict) else None
        return Digest(said) if said else None
    return None if end else file.sha256
