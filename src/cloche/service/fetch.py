"""Upstream files, read through the blob store: streamed to every client while they arrive."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import structlog

from cloche.core.errors import NoSuchFile, UpstreamDown
from cloche.core.model import Artifact, Digest, Held
from cloche.ports import Blobs, Clock, PageStore, Spool, Upstream
from cloche.service.download import Download, Keep

log = structlog.get_logger(__name__)

MAX_KNOWN = 100_000  # keys that this process remembers to be recorded


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes for a client. `size` is of the whole, None only while an upstream does not say."""

    size: int | None
    chunks: AsyncIterator[bytes]


@dataclass
class Fetch:
    """At most one transfer for each file in the node, whoever asks, however often."""

    blobs: Blobs
    pages: PageStore
    spool: Spool
    upstreams: Mapping[str, Upstream]
    clock: Clock
    offline: bool = False
    _downloads: dict[str, Download] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _recorded: set[tuple[str, str, str]] = field(default_factory=set)

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
        if self.offline:
            raise UpstreamDown(
                f"{artifact.filename} is not kept here, and the server is offline: "
                "start it without --offline"
            )
        download = self._join(artifact)
        await download.begun(start)
        return Body(download.total, download.read(start, stop))

    async def kept(self, artifact: Artifact) -> tuple[Digest, int] | None:
        """Digest and size of the file if it is in the store."""
        digest = artifact.sha256
        if digest is None:
            held = await self.pages.held(artifact.upstream, artifact.key, artifact.filename)
            digest = held.digest if held else None
        if digest is None:
            return None
        size = await self.blobs.size(digest)
        if size is None:
            return None
        await self._record(artifact, digest, size)
        return digest, size

    async def size(self, artifact: Artifact) -> int | None:
        """Bytes of the whole file: as kept, as listed, or as the upstream says when asked."""
        kept = await self.kept(artifact)
        if kept is not None:
            return kept[1]
        if artifact.size is not None:
            return artifact.size
        return (await self.open(artifact)).size

    async def close(self, patience: float) -> None:
        """Let running transfers end for `patience` seconds; the rest is resumed another time."""
        if self._tasks:
            _, unfinished = await asyncio.wait(self._tasks, timeout=patience)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)

    def _join(self, artifact: Artifact) -> Download:
        """The transfer of this file that is under way, begun now if there is none.

        It belongs to nobody: the client that asked first may leave without stopping it.
        """
        download = self._downloads.get(artifact.slot)
        if download is None:
            download = Download(
                artifact,
                self.spool.partial(artifact.slot),
                self._upstream(artifact),
                self._keeper(),
            )
            self._downloads[artifact.slot] = download
            task = asyncio.get_running_loop().create_task(self._run(download))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return download

    async def _run(self, download: Download) -> None:
        try:
            await download.run()
        finally:
            del self._downloads[download.artifact.slot]
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
        return Keep(self.blobs, self.kept, self._record)

    async def _record(self, artifact: Artifact, digest: Digest, size: int) -> None:
        """Tie the blob to the upstream's file, once: a blob that no row needs is swept."""
        name = (artifact.upstream, artifact.key, artifact.filename)
        if name in self._recorded:
            return
        if await self.pages.held(artifact.upstream, artifact.key, artifact.filename) is None:
            held = Held(
                upstream=artifact.upstream,
                project=artifact.project,
                filename=artifact.filename,
                key=artifact.key,
                digest=digest,
                size=size,
                at=self.clock(),
            )
            await self.pages.hold(held)
        if len(self._recorded) >= MAX_KNOWN:
            self._recorded.clear()
        self._recorded.add(name)
