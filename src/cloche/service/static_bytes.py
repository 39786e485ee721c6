"""The bytes of an export's files: as they lie in the target, as they are kept here, or fetched."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from hashlib import blake2b

from cloche.core.errors import Error, NoSuchFile
from cloche.core.filenames import version_of
from cloche.core.model import METADATA, PROVENANCE, Digest, File, ProjectName
from cloche.core.static import Manifest, Piece
from cloche.ports import Blobs
from cloche.service.files import Files, Wanted
from cloche.service.integrity import Integrity
from cloche.service.static_way import Came, Lacked, Tell, Way


@dataclass(slots=True)
class Job:
    """One project, on its way into the target."""

    name: ProjectName
    before: Manifest
    there: dict[str, Piece]  # what of it is whole in the target
    lacking: list[Lacked] = field(default_factory=list)
    left: int = 0
    fetched: bool = False
    folders: dict[tuple[str, Digest | None], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StaticBytes:
    way: Way
    files: Files
    integrity: Integrity
    blobs: Blobs
    tell: Tell

    async def had(self, job: Job, file: File, end: str, path: str) -> Piece | None:
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

    async def _fetch(self, job: Job, wanted: Wanted) -> None:
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

    async def _provenance(self, job: Job, file: File) -> Piece | None:
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

    async def blake2(self, digest: Digest) -> str:
        seen = blake2b(digest_size=32)
        async for chunk in self.chunks(digest):
            seen.update(chunk)
        return seen.hexdigest()

    async def chunks(self, digest: Digest) -> AsyncGenerator[bytes, None]:
        size = await self.blobs.size(digest)
        async with aclosing(self.blobs.read(digest, 0, size or 0)) as chunks:
            async for chunk in chunks:
                yield chunk


def _expected(file: File, end: str) -> Digest | None:
    """What the page says of the bytes."""
    if end == METADATA:
        said = file.core_metadata.get("sha256") if isinstance(file.core_metadata, dict) else None
        return Digest(said) if said else None
    return None if end else file.sha256
