"""Core metadata for rules to know: of each version, from the file that tells it for the least."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace

from cloche.core import metadata
from cloche.core.errors import NoSuchFile, TooLarge
from cloche.core.known import Facts, Need, description, fields, whole
from cloche.core.metadata import Metadata
from cloche.core.model import Artifact, Digest, ProjectName
from cloche.core.policy import Candidate, Offer
from cloche.core.pypi_document import current
from cloche.ports import Blobs
from cloche.service.fetch import Fetch
from cloche.service.files import metadata_of
from cloche.service.knowledge import Group
from cloche.service.within import Within

MAX_METADATA = 4 << 20  # bytes: the longest descriptions on PyPI have some hundred KiB
INLINE = 64 << 10  # bytes that are parsed sooner than a thread is woken


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads `.metadata`, or the end of a wheel where an upstream has none beside it."""

    fetch: Fetch
    within: Within
    blobs: Blobs

    def groups(self, offer: Offer) -> list[Group]:
        """Files of one version of one source; one of which the version is unknown is alone."""
        found: dict[object, list[Candidate]] = {}
        for each in offer.candidates:
            found.setdefault((each.source, each.version or each.file.filename), []).append(each)
        return [Group(_tellers(members), members) for members in found.values()]

    async def look(self, project: ProjectName, teller: Candidate) -> Facts:
        return fields(await self.metadata(project, teller))

    async def metadata(self, project: ProjectName, teller: Candidate) -> Metadata:
        if teller.hosted:
            raw = await self._uploaded(teller)
        else:
            raw = await self._fetched(*metadata_of(teller.source, project, teller.file))
        if len(raw) <= INLINE:
            return metadata.read(raw)
        return await asyncio.to_thread(metadata.read, raw)

    async def _uploaded(self, teller: Candidate) -> bytes:
        claim = teller.file.core_metadata
        digest = Digest(claim["sha256"]) if isinstance(claim, dict) else Digest("")
        return await _all(self.blobs.read(digest, 0, MAX_METADATA + 1))

    async def _fetched(self, artifact: Artifact, wheel: Artifact | None) -> bytes:
        """What the upstream has beside it; if it has none after all, what lies in the wheel."""
        try:
            return await self._read(artifact)
        except NoSuchFile:
            if wheel is None or not (wheel.url or await self.fetch.kept(wheel)):
                raise
        await self.within.extract(wheel, artifact)
        return await self._read(artifact)

    async def _read(self, artifact: Artifact) -> bytes:
        return await _all((await self.fetch.open(artifact)).chunks)


@dataclass(frozen=True, slots=True)
class Current:
    """Reads that of the release alone that PyPI's JSON tells of; `keep` is what is kept of it."""

    reading: Reading
    keep: Callable[[Metadata], Facts]

    def groups(self, offer: Offer) -> list[Group]:
        return self.reading.groups(replace(offer, candidates=current(offer)))

    async def look(self, project: ProjectName, teller: Candidate) -> Facts:
        return self.keep(await self.reading.metadata(project, teller))


def readers(reading: Reading) -> dict[Need, Reading | Current]:
    """What reads metadata for each need of any."""
    return {
        "metadata": reading,
        "info": Current(reading, whole),
        "description": Current(reading, description),
    }


def _tellers(members: Sequence[Candidate]) -> list[Candidate]:
    """Those with metadata: wheels first, of them what is beside, and of those the smallest."""
    able = [each for each in members if each.file.core_metadata or _is_kept_wheel(each)]
    return sorted(able, key=_cost)


def _is_kept_wheel(each: Candidate) -> bool:
    """A wheel that its upstream lists no longer."""
    return not each.hosted and not each.file.url and each.file.filename.endswith(".whl")


def _cost(each: Candidate) -> tuple[bool, bool, int]:
    file = each.file
    return not file.filename.endswith(".whl"), file.metadata_within, file.size or 0


async def _all(chunks: AsyncGenerator[bytes, None]) -> bytes:
    raw = bytearray()
    try:
        async for chunk in chunks:
            raw += chunk
            if len(raw) > MAX_METADATA:
                raise TooLarge(f"it is larger than {MAX_METADATA >> 20} MiB")
    finally:
        await chunks.aclose()  # so that nobody keeps the rest ready for us
    return bytes(raw)
