"""One file on its way from an upstream: written by one process, read by any number of clients."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from cloche.core.errors import DigestMismatch, Error, StorageFull, TransferBroken, UpstreamLies
from cloche.core.model import Artifact, Digest
from cloche.ports import Blobs, Note, Partial, Transfer, Upstream

HELD_BACK = 64 << 10  # bytes at the end that no client gets before the digest is known to match
CHUNK = 256 << 10
ATTEMPTS = 5
FOLLOW_POLL = 0.02  # seconds: between two looks at a file that another process writes


@dataclass(frozen=True, slots=True)
class Keep:
    """Where a finished file goes."""

    blobs: Blobs
    kept: Callable[[Artifact], Awaitable[tuple[Digest, int] | None]]
    record: Callable[[Artifact, Digest, int], Awaitable[None]]


class Download:
    """Readers wait for bytes; `run` brings them, or watches the process that does.

    Clients are sent what has arrived, less the last HELD_BACK bytes. Those follow when the
    whole is verified and kept; a client of a transfer that fails is cut off, so that it never
    takes wrong bytes for a file.
    """

    def __init__(
        self, artifact: Artifact, partial: Partial, upstream: Upstream, keep: Keep
    ) -> None:
        self.artifact = artifact
        self.total = artifact.size
        self.error: Error | None = None
        self._partial = partial
        self._upstream = upstream
        self._keep = keep
        self._there = 0
        self._verified: Digest | None = None
        self._done = False
        self._readers = 0
        self._news = asyncio.Event()

    # Readers ---------------------------------------------------------------------------------

    async def begun(self, start: int) -> None:
        """Return when there is something to send from `start` on; raise what went wrong."""
        while not self._done and self._safe() <= start:
            await self._news.wait()
        if self.error is not None and self._safe() <= start:
            raise self.error

    async def read(self, start: int, stop: int | None) -> AsyncIterator[bytes]:
        """Bytes `start` up to `stop` (or the end), as they become safe to send."""
        self._readers += 1
        try:
            async for chunk in self._read(start, stop):
                yield chunk
        finally:
            self._readers -= 1
            self._close_if_idle()

    async def _read(self, start: int, stop: int | None) -> AsyncIterator[bytes]:
        while stop is None or start < stop:
            safe = self._safe() if stop is None else min(self._safe(), stop)
            if start < safe and (data := self._partial.read(start, min(CHUNK, safe - start))):
                start += len(data)
                yield data
            elif not self._done:
                await self._news.wait()
            elif self.error is not None:
                raise self.error
            elif self._verified and start < self._there:
                # Another process finished it before this one had opened it.
                async for chunk in self._keep.blobs.read(self._verified, start, self._there):
                    yield chunk
                return
            else:
                return

    def _safe(self) -> int:
        if self._verified is not None:
            return self._there
        return max(0, min(self._there, self.total or self._there) - HELD_BACK)

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _close_if_idle(self) -> None:
        if self._done and self._readers == 0:
            self._partial.close()

    # The writer ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Bring the file, or follow the process that does. Never raises but by cancellation."""
        try:
            await self._lead_or_follow()
        except Error as e:
            self.error = e
        except asyncio.CancelledError:
            self.error = TransferBroken("the server is stopping; try again")
            raise
        except Exception as e:
            self.error = TransferBroken(f"the transfer failed on this server: {e}")
            raise
        finally:
            self._partial.release()
            self._done = True
            self._tell()
            self._close_if_idle()

    async def _lead_or_follow(self) -> None:
        while not self._partial.claim():
            self._follow()
            await asyncio.sleep(FOLLOW_POLL)
        kept = await self._keep.kept(self.artifact)
        if self._there and self._partial.growth().size != (kept[1] if kept else self._there):
            raise TransferBroken("the transfer that was followed has failed; try again")
        if kept is not None:
            self._verified, self._there = kept
            self.total = self._there
        else:
            await self._lead()

    def _follow(self) -> None:
        growth = self._partial.growth()
        if not growth.same:
            raise TransferBroken("the transfer that was followed has failed; try again")
        if growth.size > self._there:
            self._there, self.total = growth.size, growth.total or self.total
            self._tell()

    async def _lead(self) -> None:
        try:
            await self._bring()
            self._verify()
        except (StorageFull, UpstreamLies):
            self._partial.discard()
            raise
        spooled = self._partial.spooled
        await self._keep.blobs.put(spooled)
        await self._keep.record(self.artifact, spooled.digest, spooled.size)
        self._verified, self._there = spooled.digest, spooled.size
        self.total = spooled.size

    async def _bring(self) -> None:
        """Transfer to the end, resuming what breaks off.

        Without a listed digest nothing would tell a file glued from two versions: then a
        transfer that broke off is given up.
        """
        provable = bool(self.artifact.hashes)
        note = await self._partial.start(set(self.artifact.hashes), resume=provable)
        self._there = self._partial.size
        retrying = AsyncRetrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.1, max=5),
            retry=retry_if_exception_type(TransferBroken),
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                if not provable and self._there:
                    raise UpstreamLies(
                        f"the transfer of {self.artifact.filename} broke off, and without a "
                        "listed digest it cannot be resumed; try again"
                    )
                if note is None or note.total is None or self._there != note.total:
                    note = await self._transfer(note)

    async def _transfer(self, note: Note | None) -> Note:
        start = self._partial.size
        etag = note.etag if note else None
        async with self._upstream.transfer(self.artifact, start, etag) as transfer:
            note = Note(total=transfer.total, etag=transfer.etag)
            await self._begin(transfer, start, note)
            await self._pour(transfer, skip=start - transfer.start)
        if note.total is not None and self._there < note.total:
            raise TransferBroken(
                f"{self._upstream.name} broke off {self.artifact.filename} at {self._there} of "
                f"{note.total} bytes"
            )
        return note

    async def _begin(self, transfer: Transfer, start: int, note: Note) -> None:
        if transfer.start not in {0, start}:
            raise UpstreamLies(f"{self._upstream.name} sends another part than it was asked for")
        listed = self.artifact.size
        if listed is not None and transfer.total not in {None, listed}:
            raise UpstreamLies(
                f"{self._upstream.name} sends {transfer.total} bytes of {self.artifact.filename} "
                f"and lists {listed}"
            )
        self.total = transfer.total if listed is None else listed
        await self._partial.note(note)

    async def _pour(self, transfer: Transfer, skip: int) -> None:
        """Write what arrives, less `skip` bytes that are there and were sent all the same.

        Whether those were the same bytes, the digest of the whole will tell.
        """
        async for chunk in transfer.chunks:
            if skip >= len(chunk):
                skip -= len(chunk)
                continue
            await self._partial.write(chunk[skip:])
            skip = 0
            self._there = self._partial.size
            self._tell()

    def _verify(self) -> None:
        listed, found = self.artifact.hashes, self._partial.digests
        wrong = [name for name, value in listed.items() if found.get(name, value) != value]
        size_differs = self.artifact.size not in {None, self._there}
        if wrong or size_differs:
            what = ", ".join(wrong) or "size"
            raise DigestMismatch(
                f"the bytes that {self._upstream.name} sends of {self.artifact.filename} are not "
                f"those that it lists ({what} differs); they were thrown away"
            )
