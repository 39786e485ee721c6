"""One file on its way from an upstream: written by one process, read by any number of clients."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from cloche.core.errors import DigestMismatch, Error, TransferBroken, UpstreamDown, UpstreamLies
from cloche.core.model import Artifact, Digest
from cloche.logs import Log
from cloche.ports import Blobs, Note, Partial, Transfer, Upstream
from cloche.service.ahead import reading_ahead
from cloche.service.growing import Growing, Room
from cloche.service.parts import PART, Parts

log = Log(__name__)

HELD_BACK = 64 << 10  # bytes at the end that no client gets before the digest is known to match
GULP = 64 << 10  # bytes for which clients are woken,
PAUSE = 0.05  # or after so many seconds, for whatever has come
LINGER = 0.05  # seconds between two reads of what nobody waits for,
LINGERS = 20  # and so many times for one file
ATTEMPTS = 5  # in a row that bring less than PROGRESS
PROGRESS = 1 << 20
FIRST_PAUSE, MAX_PAUSE = 0.1, 5.0  # seconds between two attempts, at most
FOLLOW_POLL = 0.02  # seconds: between two looks at a file that another process writes


@dataclass(frozen=True, slots=True)
class Keep:
    """Where a finished file goes."""

    blobs: Blobs
    kept: Callable[[Artifact], Awaitable[tuple[Digest, int] | None]]
    record: Callable[[Artifact, Digest, int], Awaitable[None]]
    room: Room
    parts: Parts


class Download:
    """Readers wait for bytes; `run` brings them, or watches the process that does.

    Clients are sent what has arrived, less the last HELD_BACK bytes. Those follow when the
    whole is verified; a client of a transfer that fails is cut off, so that it never
    takes wrong bytes for a file.
    """

    def __init__(
        self, artifact: Artifact, partial: Partial, upstream: Upstream, keep: Keep
    ) -> None:
        self.artifact = artifact
        self.total = artifact.size
        self.error: Error | None = None
        self._unkept: Error | None = None
        self._partial = partial
        self._bytes = Growing(partial, keep.room)
        self._noted: Note | None = None
        self._upstream = upstream
        self._keep = keep
        self._there = 0
        self._told = 0
        self._late: asyncio.TimerHandle | None = None
        self._verified: Digest | None = None
        self._done = False
        self._readers = 0
        self._news = asyncio.Event()
        self._wanted = asyncio.Event()
        self._lingered = 0

    # Readers ---------------------------------------------------------------------------------

    def hurry(self) -> None:
        """Somebody waits for it: read what comes as it comes."""
        self._wanted.set()

    async def begun(self, start: int) -> None:
        """Return when there is something to send from `start` on; raise what went wrong."""
        self.hurry()
        while self._verified is None and self._safe() <= start:
            if self.error is not None:
                raise self.error
            await self._news.wait()

    async def read(self, start: int, stop: int | None) -> AsyncGenerator[bytes, None]:
        """Bytes `start` up to `stop` (or the end), as they become safe to send."""
        self._readers += 1
        try:
            while stop is None or start < stop:
                safe = self._safe() if stop is None else min(self._safe(), stop)
                if start < safe and (data := self._part(start, safe)):
                    start += len(data)
                    yield data
                elif self._verified is not None:
                    if start >= safe:
                        return
                    # Another process finished it before this one had opened it.
                    async for chunk in self._keep.blobs.read(self._verified, start, safe):
                        yield chunk
                    return
                elif self.error is not None:
                    raise self.error
                else:
                    await self._news.wait()
        finally:
            self._readers -= 1
            self._close_if_idle()

    async def growth(self) -> AsyncGenerator[int, None]:
        """How many bytes more there are, each time, until the file is kept.

        Less than none when it had to be begun anew. Raise what went wrong, also in keeping it.
        """
        seen, done = 0, False
        while not done:
            if not self._done:
                await self._news.wait()
            done = self._done
            more, seen = self._there - seen, self._there
            if more:
                yield more
        if failed := self.error or self._unkept:
            raise failed

    def _part(self, start: int, stop: int) -> bytes:
        if self._readers > 1:
            return self._keep.parts.get(self, start, stop, self._bytes.read)
        return self._bytes.read(start, min(PART, stop - start))

    def _safe(self) -> int:
        if self._verified is not None:
            return self._there
        return max(0, min(self._there, self.total or self._there) - HELD_BACK)

    def _announce(self) -> None:
        """Tell those who wait once it is worth waking them; none waits long for it."""
        more = self._safe() - self._told
        if more >= GULP:
            self._tell()
        elif more > 0 and self._late is None:
            self._late = asyncio.get_running_loop().call_later(PAUSE, self._tell)

    def _tell(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
        self._told = self._safe()
        self._news.set()
        self._news = asyncio.Event()

    def _close_if_idle(self) -> None:
        if self._done and self._readers == 0:
            self._partial.close()
            self._keep.parts.forget(self)

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
        if self._there:
            self._follow()  # what it wrote last, or that it threw all away
        kept = await self._keep.kept(self.artifact)
        if kept is None:
            await self._lead()
        elif self._safe() and self._there != kept[1]:
            raise self._followed_in_vain()
        else:
            self._finish(*kept)

    def _follow(self) -> None:
        growth = self._partial.growth()
        if not growth.same:
            raise self._followed_in_vain()
        if growth.size > self._there:
            self._there, self.total = growth.size, growth.total or self.total
            self._tell()

    def _followed_in_vain(self) -> TransferBroken:
        return TransferBroken("the transfer that was followed has failed; try again")

    async def _lead(self) -> None:
        try:
            await self._bring()
            self._verify()
        except Error as e:
            # After a mere outage whoever asks next resumes it, if a digest will tell its truth.
            if not (isinstance(e, UpstreamDown) and self.artifact.hashes):
                self._partial.discard()
            raise
        digest, size = self._digest(), self._there
        if self.artifact.hashes and not self._bytes.in_memory:
            # Until it is kept it lies in the spool, whole and noted down: whoever asks next,
            # after a crash or without any upstream, finds it there.
            self._finish(digest, size)
        await self._store(digest, size)

    async def _store(self, digest: Digest, size: int) -> None:
        """Keep the file. The clients have the right bytes whether or not that is possible."""
        try:
            await self._bytes.keep(self._keep.blobs, digest)
            if self.artifact.hashes:
                self._finish(digest, size)  # its digest tells what it is, also after a crash
            await self._keep.record(self.artifact, digest, size)
        except Error as e:
            self._unkept = e
            log.warning("could not keep a file", filename=self.artifact.filename, error=str(e))
        finally:
            self._finish(digest, size)

    def _finish(self, digest: Digest, size: int) -> None:
        self._verified, self._there, self.total = digest, size, size
        self._tell()

    async def _bring(self) -> None:
        """Transfer to the end, resuming what breaks off."""
        if self._safe() and not self.artifact.hashes:
            raise self._followed_in_vain()
        if self._partial.begun:
            await self._open()
        patience = _Patience(self._bytes.size)
        while not self._complete():
            try:
                await self._transfer()
            except TransferBroken:
                if patience.is_spent(self._bytes.size):
                    raise
            else:
                return
            await patience.pause()
            if not self.artifact.hashes:
                await self._start_over()

    async def _open(self) -> None:
        self._noted = await self._bytes.open(set(self.artifact.hashes))
        self._there = self._bytes.size

    async def _start_over(self) -> None:
        """Without a listed digest nothing would tell a file glued from two versions."""
        if self._safe():
            raise UpstreamDown(
                f"the transfer of {self.artifact.filename} broke off, and without a "
                "listed digest it cannot be resumed; try again"
            )
        await self._open()

    def _complete(self) -> bool:
        if self._noted is None:
            return False
        listed = self.artifact.size
        return self._there == (self._noted.total if listed is None else listed)

    async def _transfer(self) -> None:
        start = self._bytes.size
        etag = self._noted.etag if self._noted else None
        async with self._upstream.transfer(self.artifact, start, etag) as transfer:
            self._check(transfer, start)
            self._noted = Note(total=transfer.total, etag=transfer.etag)
            if self._bytes.place(self.total, set(self.artifact.hashes)):
                await self._drink(transfer.chunks, self._noted, skip=start - transfer.start)
            else:
                async with reading_ahead(transfer.chunks) as chunks:
                    await self._drink(chunks, self._noted, skip=start - transfer.start)

    async def _drink(self, chunks: AsyncIterator[bytes], note: Note, skip: int) -> None:
        """Take it as it comes, so that clients can follow, and noted down, so that others can."""
        async with self._bytes.taking(note, set(self.artifact.hashes)):
            await self._pour(chunks, skip)
            self._check_end()

    def _check_end(self) -> None:
        if self.total is not None and self._there < self.total:
            raise TransferBroken(
                f"{self._upstream.name} broke off {self.artifact.filename} at {self._there} of "
                f"{self.total} bytes"
            )

    def _check(self, transfer: Transfer, start: int) -> None:
        if transfer.start not in {0, start}:
            raise UpstreamLies(f"{self._upstream.name} sends another part than it was asked for")
        listed = self.artifact.size
        if listed is not None and transfer.total not in {None, listed}:
            raise UpstreamLies(
                f"{self._upstream.name} sends {transfer.total} bytes of {self.artifact.filename} "
                f"and lists {listed}"
            )
        self.total = transfer.total if listed is None else listed

    async def _pour(self, chunks: AsyncIterator[bytes], skip: int) -> None:
        """Write what arrives, less `skip` bytes that are there and were sent all the same.

        Whether those were the same bytes, the digest of the whole will tell.
        """
        async for chunk in chunks:
            if skip >= len(chunk):
                skip -= len(chunk)
                continue
            await self._bytes.write(chunk[skip:])
            skip = 0
            self._there = self._bytes.size
            self._announce()
            if not self._wanted.is_set():
                await self._linger()

    async def _linger(self) -> None:
        """Let more come, which costs less to take at once, unless somebody waits for it.

        In another process they do so unseen: no file takes much longer for that.
        """
        self._lingered += 1
        if self._lingered >= LINGERS:
            self.hurry()
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER):
                await self._wanted.wait()

    def _verify(self) -> None:
        listed, found = self.artifact.hashes, self._bytes.digests
        wrong = [name for name, value in listed.items() if found.get(name, value) != value]
        size_differs = self.artifact.size not in {None, self._there}
        if wrong or size_differs:
            what = ", ".join(wrong) or "size"
            raise DigestMismatch(
                f"the bytes that {self._upstream.name} sends of {self.artifact.filename} are not "
                f"those that it lists ({what} differs); they were thrown away"
            )

    def _digest(self) -> Digest:
        return Digest(self._bytes.digests["sha256"])


class _Patience:
    """Ends after ATTEMPTS in a row that have brought next to nothing."""

    def __init__(self, come: int) -> None:
        self._in_vain = 0
        self._reached = come

    def is_spent(self, come: int) -> bool:
        """Take note of how much has come."""
        if come - self._reached >= PROGRESS:
            self._in_vain, self._reached = 0, come
        self._in_vain += 1
        return self._in_vain >= ATTEMPTS

    async def pause(self) -> None:
        """Wait longer each time, and not all who wait alike."""
        longest = min(MAX_PAUSE, FIRST_PAUSE * 2**self._in_vain)
        await asyncio.sleep(longest * random.random())  # noqa: S311 - no secret
