"""The provenance of files: of uploads as they brought it, of an upstream's read through a cache."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from packaging.version import InvalidVersion, Version

from cloche.core import provenance
from cloche.core.errors import BadName, NoSuchFile, UpstreamDown, UpstreamLies
from cloche.core.filenames import parse
from cloche.core.model import Artifact, Digest, File, Held, ProjectName
from cloche.core.provenance import BESIDE, MAX_PROVENANCE
from cloche.core.wire import QUARANTINED
from cloche.ports import Blobs, Clock, PageStore, Spool, Upstream
from cloche.service.shelf import Shelf
from cloche.service.sight import quarantined
from cloche.service.view import View

PATIENCE = 30.0  # seconds that a client waits for an upstream's provenance


@dataclass(frozen=True, slots=True)
class Found:
    body: bytes
    digest: Digest


@dataclass(frozen=True, slots=True)
class Objects:
    """Provenance objects, each about exactly its file; whose they may be is not asked here."""

    blobs: Blobs
    pages: PageStore
    spool: Spool
    upstreams: Mapping[str, Upstream]
    clock: Clock

    async def fetched(self, artifact: Artifact) -> Found:
        """Of an upstream's file: as it is kept, else from the upstream.

        Raise NoSuchFile, UpstreamDown when it could not be looked for, UpstreamLies when what the
        upstream sends is not about the file.
        """
        kept = await self._kept(artifact)
        if kept is not None:
            return kept
        if not artifact.url:
            raise NoSuchFile(f"{artifact.filename} is listed no longer, and was not kept")
        async with self.spool.lock(f"provenance {artifact.upstream} {artifact.slot}"):
            kept = await self._kept(artifact)  # another has brought it meanwhile
            return kept or await self._bring(artifact)

    async def _kept(self, artifact: Artifact) -> Found | None:
        held = await self.pages.held(artifact.upstream, artifact.key, artifact.filename)
        # A loss of power may have cut a cached blob short.
        if held is None or await self.blobs.size(held.digest) != held.size:
            return None
        return await self.read(held.digest)

    async def _bring(self, artifact: Artifact) -> Found:
        body = await self._ask(artifact)
        filename = artifact.filename.removesuffix(BESIDE)
        provenance.check(body, filename, artifact.sha256)
        digest = Digest(sha256(body).hexdigest())
        await self.blobs.keep({digest: body}, lasting=False)
        held = Held(
            upstream=artifact.upstream,
            project=artifact.project,
            filename=artifact.filename,
            key=artifact.key,
            digest=digest,
            size=len(body),
            at=self.clock(),
        )
        await self.pages.hold(held)
        return Found(body, digest)

    async def _ask(self, artifact: Artifact) -> bytes:
        body = bytearray()
        try:
            async with (
                asyncio.timeout(PATIENCE),
                self.upstreams[artifact.upstream].transfer(artifact, 0, None) as transfer,
            ):
                async for chunk in transfer.chunks:
                    body += chunk
                    if len(body) > MAX_PROVENANCE:
                        raise UpstreamLies(
                            f"{artifact.upstream} sends more than {MAX_PROVENANCE} bytes as "
                            f"{artifact.filename}"
                        )
        except TimeoutError:
            raise UpstreamDown(
                f"{artifact.upstream} takes too long over {artifact.filename}; try again"
            ) from None
        return bytes(body)

    async def read(self, digest: Digest) -> Found:
        """Of an upload: the blob that it brought."""
        chunks = self.blobs.read(digest, 0, MAX_PROVENANCE)
        body = b"".join([chunk async for chunk in chunks])
        return Found(body, Digest(sha256(body).hexdigest()))


@dataclass(frozen=True, slots=True)
class Integrity:
    view: View
    shelf: Shelf
    objects: Objects

    async def find(self, index: str, project: ProjectName, version: str, filename: str) -> Found:
        """The provenance object of a file that the index offers, about exactly that file.

        Raise NoSuchFile when the file or its provenance is unknown, Forbidden when the project is
        quarantined, UpstreamDown when it could not be looked for, UpstreamLies when what the
        upstream sends is not about the file.
        """
        shown = await self.shelf.get(index, project)
        if shown.page.status == QUARANTINED:
            raise quarantined(index, project, shown.page.status_reason)
        file = shown.by_name.get(filename)
        if file is None or not _is_of(version, filename):
            raise NoSuchFile(f"index {index} has no file {filename} of {project} {version}")
        if not file.provenance:
            raise NoSuchFile(f"{filename} was published without attestations")
        owner, hosted = shown.sight.origin(filename)
        if hosted:
            return await self.objects.read(await self._uploaded(owner, project, filename))
        return await self.objects.fetched(provenance_of(owner, project, file))

    async def _uploaded(self, index: str, project: ProjectName, filename: str) -> Digest:
        uploads = await self.view.ledger.files(index, project)
        for upload in uploads:
            if upload.filename == filename and upload.provenance:
                return upload.provenance
        raise NoSuchFile(f"{filename} was deleted just now")


def _is_of(version: str, filename: str) -> bool:
    try:
        return parse(filename).version == Version(version)
    except (BadName, InvalidVersion):
        return False


def provenance_of(upstream: str, project: ProjectName, file: File) -> Artifact:
    """The provenance as something to fetch; the hashes are the file's, for it has none listed."""
    return Artifact(
        upstream=upstream,
        project=project,
        filename=file.filename + BESIDE,
        url=file.provenance or "",
        key=file.key,
        hashes=file.hashes,
    )
