"""Bringing an upstream's files ahead of need: small ones in memory, large ones by the spool."""

import asyncio
import hashlib
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from io import BytesIO

from cloche.core.archive import wheel_metadata
from cloche.core.errors import (
    BadName,
    BadUpload,
    DigestMismatch,
    NoSuchFile,
    TransferBroken,
    UpstreamLies,
)
from cloche.core.filenames import parse
from cloche.core.model import METADATA, Artifact, Digest, File, FileKey, Held, ProjectName
from cloche.ports import Blobs, Clock, Upstream
from cloche.service.fetch import Fetch, is_news
from cloche.service.files import metadata_of
from cloche.service.sight import artifact_of
from cloche.service.within import Within

SMALL = 1 << 20  # bytes that are taken in memory
ATTEMPTS = 3
PAUSE = 0.2  # seconds before the second attempt, at most; twice as long before the third

Names = Collection[tuple[FileKey, str]]
"""What is here, by key and filename."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """One upstream's."""

    upstream: Upstream
    fetch: Fetch
    within: Within
    blobs: Blobs
    clock: Clock

    async def bring(
        self, project: ProjectName, file: File, here: Names, *, whole: bool
    ) -> Sequence[Held]:
        """Have the file kept if it is wanted `whole`, and its metadata; neither asked for twice.

        Return what is to be recorded. The rest of it is recorded already. Raise what keeps it
        from being had.
        """
        artifact = artifact_of(self.upstream.name, project, file)
        found: list[Held] = []
        data: bytes | None = None
        if whole and (file.key, file.filename) not in here:
            data = await self._whole(artifact, found)
        if file.core_metadata and (file.key, file.filename + METADATA) not in here:
            await self._metadata(project, file, data, found)
        return found

    async def _whole(self, artifact: Artifact, found: list[Held]) -> bytes | None:
        """Bring the file; return its bytes if they are at hand."""
        digest, size = artifact.sha256, artifact.size
        if digest is not None and size is not None and await self.blobs.size(digest) == size:
            found.append(self._held(artifact, digest, size))  # the same bytes came another way
            return None
        data = None
        if artifact.size is None or artifact.size <= SMALL:
            data = await self._small(artifact)
        if data is None:
            async for _ in self.fetch.bring(artifact):
                pass
            return None
        await self._keep(artifact, data, found)
        return data

    async def _metadata(
        self, project: ProjectName, file: File, data: bytes | None, found: list[Held]
    ) -> None:
        artifact, wheel = metadata_of(self.upstream.name, project, file)
        if data is not None and wheel is not None and (raw := _inside(artifact, file, data)):
            await self._keep(artifact, raw, found)
            return
        try:
            await self._beside(artifact, found)
        except (NoSuchFile, UpstreamLies):
            if wheel is None:
                raise
            await self._read(wheel, artifact, promised=not file.metadata_within)

    async def _beside(self, artifact: Artifact, found: list[Held]) -> None:
        if not artifact.url:
            raise NoSuchFile(f"{artifact.filename} lies nowhere by itself")
        data = await self._small(artifact)
        if data is None:
            async for _ in self.fetch.bring(artifact):
                pass
        else:
            await self._keep(artifact, data, found)

    async def _read(self, wheel: Artifact, artifact: Artifact, *, promised: bool) -> None:
        """Read it out of the wheel. That this cannot be is nothing that an upstream promised."""
        try:
            await self.within.extract(wheel, artifact)
        except UpstreamLies:
            if promised:
                raise

    async def _small(self, artifact: Artifact) -> bytes | None:
        """The bytes, verified; None when there are too many, or nobody says how many."""
        for attempt in range(1, ATTEMPTS):
            try:
                return await self._once(artifact)
            except TransferBroken:
                await asyncio.sleep(PAUSE * 2**attempt * random.random())  # noqa: S311 - no secret
        return await self._once(artifact)

    async def _once(self, artifact: Artifact) -> bytes | None:
        async with self.upstream.transfer(artifact, 0, None) as transfer:
            if transfer.total is None or transfer.total > SMALL or transfer.start:
                return None
            data = b"".join([chunk async for chunk in transfer.chunks])
            if len(data) < transfer.total:
                raise TransferBroken(
                    f"{self.upstream.name} broke off {artifact.filename} at {len(data)} of "
                    f"{transfer.total} bytes"
                )
        _check(self.upstream.name, artifact, data)
        return data

    async def _keep(self, artifact: Artifact, data: bytes, found: list[Held]) -> None:
        """Keep bytes that are what the artifact's hashes say."""
        # What was checked is not hashed once more.
        digest = artifact.sha256 or Digest(hashlib.sha256(data).hexdigest())
        await self.blobs.keep({digest: data}, lasting=False)
        held = self._held(artifact, digest, len(data))
        if is_news(artifact):
            await self.fetch.pages.hold(held, news=True)
        else:
            found.append(held)

    def _held(self, artifact: Artifact, digest: Digest, size: int) -> Held:
        return Held(
            upstream=artifact.upstream,
            project=artifact.project,
            filename=artifact.filename,
            key=artifact.key,
            digest=digest,
            size=size,
            at=self.clock(),
        )


def _check(upstream: str, artifact: Artifact, data: bytes) -> None:
    wrong = [
        name
        for name, value in artifact.hashes.items()
        if hashlib.new(name, data, usedforsecurity=False).hexdigest() != value
    ]
    if artifact.size not in {None, len(data)}:
        wrong.append("size")
    if wrong:
        raise DigestMismatch(
            f"the bytes that {upstream} sends of {artifact.filename} are not those that it lists "
            f"({', '.join(wrong)} differs); they were thrown away"
        )


def _inside(artifact: Artifact, file: File, data: bytes) -> bytes | None:
    """The metadata in a wheel's bytes; None unless it is what the page promises."""
    try:
        raw = wheel_metadata(parse(file.filename), BytesIO(data))
        _check(artifact.upstream, artifact, raw)
    except (BadName, BadUpload, DigestMismatch):
        return None
    return raw
