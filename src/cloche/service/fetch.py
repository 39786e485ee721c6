"""Upstream files, read through the blob store: streamed to every client while they arrive."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cloche.core.errors import DigestMismatch, Error, NoSuchFile
from cloche.core.model import BESIDE, METADATA, Artifact, Digest, FileKey, Held
from cloche.logs import Log
from cloche.ports import Blobs, Clock, PageStore, Spool, Spooled, Upstream
from cloche.service.download import Download, Keep
from cloche.service.growing import SMALL, Room
from cloche.service.parts import Parts

log = Log(__name__)

MAX_KNOWN = 100_000  # files of which this process remembers the size

Named = tuple[str, FileKey, str, Digest]
"""Upstream, key, filename, and the bytes."""


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes for a client. `size` is of the whole, None only while an upstream does not say."""

    size: int | None
    chunks: AsyncGenerator[bytes, None]


@dataclass
class Fetch:
    """At most one transfer for each file in the node, whoever asks, however often."""

    blobs: Blobs
    pages: PageStore
    spool: Spool
    upstreams: Mapping[str, Upstream]
    clock: Clock
    _downloads: dict[str, Download] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _sizes: dict[Named, int] = field(default_factory=dict)
    _room: Room = field(default_factory=Room)
    _parts: Parts = field(default_factory=Parts)

    async def open(self, artifact: Artifact, start: int = 0, stop: int | None = None) -> Body:
        """Bytes `start` up to `stop` (to the end if None), from the store or as they arrive.

        Raise, before the first byte, NoSuchFile, UpstreamDown, UpstreamLies or StorageFull.
        Chunks raise the same when a transfer fails after that; the last ones are held back
        until the whole is known to be what the page promised.
        """
        kept = await self.kept(artifact)
        if kept is not None:
            digest, size = kept
            return Body(size, self.blobs.read(digest, start, size if stop is None else stop))
        self._must_be_had(artifact)
        download = self._join(artifact)
        await download.begun(start)
        return Body(download.total, download.read(start, stop))

    async def bring(self, artifact: Artifact, *, hurried: bool = True) -> AsyncGenerator[int, None]:
        """Have the file kept: how many bytes more have come, each time, until it is.

        Unless it is `hurried`, it comes at leisure until somebody opens it. Raise what `open`
        raises, and what keeps the file from being kept.
        """
        if await self.kept(artifact) is None:
            self._must_be_had(artifact)
            download = self._join(artifact)
            if hurried:
                download.hurry()
            async for more in download.growth():
                yield more

    async def kept(self, artifact: Artifact) -> tuple[Digest, int] | None:
        """Digest and size of the file if it is in the store, and whole.

        A loss of power may cut a cached blob short, but not unnoticed: one that has not the
        size that was recorded, or is listed, counts as not kept.
        """
        digest = artifact.sha256
        if digest is None:
            held = await self._held(artifact)
            digest = held.digest if held else None
        if digest is None:
            return None
        size = await self.blobs.size(digest)
        if size is None or size != await self._recorded(artifact, digest, size):
            return None
        return digest, size

    async def _recorded(self, artifact: Artifact, digest: Digest, there: int) -> int | None:
        """How long the file is, as this server knows it; asked of the catalog once a process.

        `there` is how long the blob is. A crash may have come before it was recorded.
        """
        name = _name(artifact, digest)
        if name not in self._sizes:
            held = await self._held(artifact)
            if held is not None and held.digest == digest:
                self._remember(name, held.size)
            elif there == artifact.size or (
                artifact.size is None and await self._is_whole(digest, there)
            ):
                # The same bytes came another way. A blob that no row needs would be swept.
                self._remember(name, there)
                self._begin(self._tie(artifact, digest, there))
        return self._sizes.get(name)

    async def _is_whole(self, digest: Digest, size: int) -> bool:
        """Whether a small blob has all its bytes, by its digest."""
        if size > SMALL:
            return False
        seen = sha256()
        async for chunk in self.blobs.read(digest, 0, size):
            seen.update(chunk)
        return seen.hexdigest() == digest

    async def _held(self, artifact: Artifact) -> Held | None:
        return await self.pages.held(artifact.upstream, artifact.key, artifact.filename)

    def _remember(self, name: Named, size: int) -> None:
        if len(self._sizes) >= MAX_KNOWN:
            self._sizes.clear()
        self._sizes[name] = size

    async def size(self, artifact: Artifact) -> int | None:
        """Bytes of the whole file: as kept, as listed, or as the upstream says when asked."""
        kept = await self.kept(artifact)
        if kept is not None:
            return kept[1]
        if artifact.size is not None:
            return artifact.size
        return (await self.open(artifact)).size

    async def keep(self, artifact: Artifact, data: bytes) -> None:
        """Keep bytes that were worked out here under what names them. Raise DigestMismatch."""
        digest = Digest(sha256(data).hexdigest())
        if artifact.sha256 not in {None, digest}:
            raise DigestMismatch(
                f"{artifact.upstream} promises another {artifact.filename} than lies in the "
                "file itself; tell its operator"
            )
        await self.blobs.keep({digest: data}, lasting=False)
        await self._record(artifact, digest, len(data))

    async def adopt(self, artifact: Artifact, spooled: Spooled) -> None:
        """Keep a file that came another way, and is known to be the one that is listed."""
        await self.blobs.put(spooled, lasting=False)
        await self._record(artifact, spooled.digest, spooled.size)

    async def close(self, patience: float) -> None:
        """Let running transfers end for `patience` seconds; the rest is resumed another time."""
        if self._tasks:
            _, unfinished = await asyncio.wait(self._tasks, timeout=patience)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)

    def _must_be_had(self, artifact: Artifact) -> None:
        if not artifact.url:
            raise NoSuchFile(f"{artifact.filename} is listed no longer, and its bytes are gone")

    def _join(self, artifact: Artifact) -> Download:
        """The transfer of this file that is under way, begun now if there is none.

        It belongs to nobody: the client that asked first may leave without stopping it.
        """
        slot = _slot(artifact)
        download = self._downloads.get(slot)
        if download is None:
            download = Download(
                artifact, self.spool.partial(slot), self._upstream(artifact), self._keeper()
            )
            self._downloads[slot] = download
            self._begin(self._run(download))
        return download

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, download: Download) -> None:
        try:
            await download.run()
        finally:
            del self._downloads[_slot(download.artifact)]
            if download.error is not None:
                log.warning(
                    "transfer failed",
                    upstream=download.artifact.upstream,
                    filename=download.artifact.filename,
                    error=str(download.error),
                )

    def _upstream(self, artifact: Artifact) -> Upstream:
        upstream = self.upstreams.get(artifact.upstream)
        if upstream is None:
            raise NoSuchFile(f"the upstream {artifact.upstream} is no longer configured")
        return upstream

    def _keeper(self) -> Keep:
        return Keep(self.blobs, self.kept, self._record, self._room, self._parts)

    async def _tie(self, artifact: Artifact, digest: Digest, size: int) -> None:
        """Record it if it is there. Nobody who reads it waits for that."""
        try:
            if await self.blobs.size(digest) == size:
                await self._record(artifact, digest, size)
        except Error as e:
            self._sizes.pop(_name(artifact, digest), None)
            log.warning("could not record a kept file", filename=artifact.filename, error=str(e))

    async def _record(self, artifact: Artifact, digest: Digest, size: int) -> None:
        held = Held(
            upstream=artifact.upstream,
            project=artifact.project,
            filename=artifact.filename,
            key=artifact.key,
            digest=digest,
            size=size,
            at=self.clock(),
        )
        name = _name(artifact, digest)
        self._remember(name, size)  # its blob is there: nobody need look whether it is recorded
        try:
            await self.pages.hold(held, news=is_news(artifact))
        except BaseException:
            self._sizes.pop(name, None)
            raise


def _name(artifact: Artifact, digest: Digest) -> Named:
    return artifact.upstream, artifact.key, artifact.filename, digest


def is_news(artifact: Artifact) -> bool:
    """Whether the bytes tell what the page that lists them could, and does not."""
    if artifact.filename.endswith(METADATA):
        return artifact.sha256 is None
    is_file = not artifact.filename.endswith(BESIDE)
    return is_file and (artifact.sha256 is None or artifact.size is None)


def _slot(artifact: Artifact) -> str:
    """Tells the transfers under way on a node apart.

    By their upstream too: one that lists another's file must not have it brought from itself.
    """
    return sha256(f"{artifact.upstream} {artifact.slot}".encode()).hexdigest()
