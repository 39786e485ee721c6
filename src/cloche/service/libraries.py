"""Where requirements are looked up: in what is kept of an upstream, or as a client of an index."""

import asyncio
import io
from collections.abc import AsyncIterable, Collection, Mapping
from dataclasses import dataclass, field

from cloche.core import archive, metadata
from cloche.core.errors import BadName, BadUpload, Error, NoSuchBlob
from cloche.core.filenames import parse
from cloche.core.metadata import Metadata, is_static
from cloche.core.model import METADATA, File, FileKey, Held, Page, ProjectName
from cloche.core.targets import WHEEL
from cloche.ports import Blobs, Holdings
from cloche.service import told
from cloche.service.desired import Judges
from cloche.service.files import Files
from cloche.service.shelf import Shelf
from cloche.service.upstream import CachedUpstream

MAX_METADATA = 1 << 20  # bytes that are worth reading for that
MAX_SDIST = 32 << 20  # bytes: it is read in memory

Lines = tuple[str, ...] | None


@dataclass(slots=True)
class Kept:
    """What is kept of an upstream, as indexes want it. Nobody is asked."""

    cached: CachedUpstream
    judges: Judges
    holdings: Holdings
    blobs: Blobs
    whole: bool  # files are wanted too, not only their metadata
    _held: dict[ProjectName, dict[tuple[FileKey, str], Held]] = field(default_factory=dict)

    async def page(self, project: ProjectName) -> Page | None:
        answer = await self.cached.last(project)
        if answer is None:
            return None
        desired = await self.judges.all_of(project, answer)
        held = await self.holdings.files(self.cached.name, project)
        self._held[project] = {(each.key, each.filename): each for each in held}
        return Page(name=project, files=desired.files)

    async def requires(self, project: ProjectName, file: File) -> Lines:
        held = self._held[project]
        beside = held.get((file.key, file.filename + METADATA))
        itself = held.get((file.key, file.filename))
        try:
            if beside is not None and beside.size <= MAX_METADATA:
                return metadata.read(await self._bytes(beside)).requires_dist
            if itself is not None and itself.size <= MAX_SDIST:
                return await within(file, await self._bytes(itself))
        except (BadUpload, NoSuchBlob):
            pass
        return None

    def lacking(self, files: Mapping[ProjectName, Mapping[str, File]]) -> set[ProjectName]:
        """The projects of which something of these is not kept, as they were seen last."""
        return {
            project
            for project, some in files.items()
            if any(self._lacks(self._held[project], file) for file in some.values())
        }

    def _lacks(self, held: Collection[tuple[FileKey, str]], file: File) -> bool:
        beside = file.core_metadata and (file.key, file.filename + METADATA) not in held
        return bool(beside) or (self.whole and (file.key, file.filename) not in held)

    async def _bytes(self, held: Held) -> bytes:
        return b"".join([each async for each in self.blobs.read(held.digest, 0, held.size)])


@dataclass(frozen=True, slots=True)
class Shown:
    """What an index shows. What is not kept yet is fetched; sdists only if `fetches`."""

    index: str
    shelf: Shelf
    files: Files
    fetches: bool

    async def page(self, project: ProjectName) -> Page | None:
        try:
            return (await self.shelf.get(self.index, project)).page
        except Error:  # whoever looks at the project itself tells it
            return None

    async def requires(self, project: ProjectName, file: File) -> Lines:
        try:
            if file.core_metadata:
                said = await told.read(self.files, self.index, project, file)
                return said.requires_dist
            if file.filename.endswith(WHEEL) or not self.fetches or not file.size:
                return None
            return await self._inside(project, file)
        except (Error, BadUpload):
            return None

    async def _inside(self, project: ProjectName, file: File) -> Lines:
        if file.size is None or file.size > MAX_SDIST:
            return None
        wanted = await self.files.find(self.index, project, file.key, file.filename)
        body = await self.files.open(wanted, 0, None)
        return await within(file, await _bounded(body.chunks))


async def within(file: File, content: bytes) -> Lines:
    """What an sdist says it requires, if that is what a build of it will say (PEP 643)."""
    if file.filename.endswith(WHEEL):
        return None
    said = await asyncio.to_thread(_read, file.filename, content)
    return said.requires_dist if said is not None and is_static(said) else None


def _read(filename: str, content: bytes) -> Metadata | None:
    try:
        found = archive.read(filename, parse(filename), io.BytesIO(content))
        return metadata.read(found.metadata) if found.metadata is not None else None
    except (BadName, BadUpload):
        return None


async def _bounded(chunks: AsyncIterable[bytes]) -> bytes:
    raw = bytearray()
    async for chunk in chunks:
        raw += chunk
        if len(raw) > MAX_SDIST:
            raise BadUpload([f"it is larger than {MAX_SDIST >> 20} MiB"])
    return bytes(raw)
