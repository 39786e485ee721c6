"""Following an index of another server: its journal, step by step, with all bytes.

The bytes come first, then one transaction for some steps and how far that is: whatever is cut off
goes on exactly there.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta

from cloche.core.errors import DigestMismatch, Error, NoSuchBlob, OtherJournal, UpstreamLies
from cloche.core.following import Position, Stretch, Told, checked
from cloche.core.model import Digest, Upload
from cloche.logs import Log
from cloche.ports import Blobs, Clock, Primary, Pursuit, Pursuits, Spool, Upkeep

log = Log(__name__)

WAIT = 10.0  # seconds that the primary may keep a question when nothing happens
AT_ONCE = 200  # steps that are asked for
TOGETHER = 32  # steps that are done in one transaction
TRANSFERS = 8  # blobs at once
BESIDE = 32 << 20  # bytes of metadata, a signature or provenance
LEASE = timedelta(seconds=60)
PATIENCE = 0.1  # seconds to wait for this node's turn
AGAIN = 2.0  # seconds between two looks whether it is this node's turn
LATEST = 30.0  # seconds between two tries at the most

Done = Callable[[Sequence[Told]], None]
Far = Callable[[Pursuit], None]


def nothing(_: object) -> None:
    """Whom nobody tells."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Bytes that a step needs. Without a `size` they lie beside a file."""

    digest: Digest
    size: int | None
    upload: Upload | None = None


@dataclass(frozen=True, slots=True)
class Follow:
    """One index. Any number of processes may do so: on a node one does, and of nodes one."""

    index: str
    upstream: str
    primary: Primary
    pursuits: Pursuits
    blobs: Blobs
    upkeep: Upkeep
    spool: Spool
    clock: Clock
    node: str  # its name among others on the same database

    async def begin(self) -> Pursuit:
        """Let nobody else change the index from now on, unless it was promoted."""
        found = {each.index: each for each in await self.pursuits.all()}.get(self.index)
        if found is not None and (found.upstream, found.url) == (self.upstream, self.primary.url):
            return found
        return await self.pursuits.begin(self.index, self.upstream, self.primary.url, self.clock())

    async def run(self, far: Far = nothing) -> None:
        """Follow until the index is promoted, and tell how far that is."""
        pause = AGAIN
        while True:
            try:
                if (await self.begin()).promoted_at is not None:
                    return
                async with AsyncExitStack() as stack:
                    if await self.alone(stack):
                        stack.push_async_callback(self._give_back)
                        await self._pursue(far)
                pause = AGAIN
            except Error as e:  # the database, for one
                log.warning("cannot follow", index=self.index, error=str(e), again_in=pause)
                pause = min(LATEST, 2 * pause)
            await asyncio.sleep(pause)

    async def alone(self, stack: AsyncExitStack) -> bool:
        """Be the one process of this node that follows; False while another is."""
        try:
            async with asyncio.timeout(PATIENCE):
                await stack.enter_async_context(self.spool.lock(f"follow {self.index}"))
        except TimeoutError:
            return False
        return True

    async def _pursue(self, far: Far) -> None:
        """Follow as long as it is this node's turn."""
        failures = 0
        while (pursuit := await self._take()) is not None:
            far(pursuit)
            try:
                await self.step(pursuit.position, WAIT)
                failures = 0
            except Exception as e:  # noqa: BLE001 - if it ended in silence, that would be noticed too late
                failures += 1
                pause = min(LATEST, 2.0**failures / 2)
                said = str(e) if isinstance(e, Error) else f"unforeseen: {e!r}"
                log.warning("cannot follow", index=self.index, error=said, again_in=pause)
                await self.pursuits.fail(self.index, said)
                await asyncio.sleep(pause)

    async def _take(self) -> Pursuit | None:
        now = self.clock()
        return await self.pursuits.take(self.index, self.node, now, now + LEASE)

    async def _give_back(self) -> None:
        """Let another node go on at once, which else waits for the end of the lease."""
        now = self.clock()
        with suppress(Error):
            await self.pursuits.take(self.index, self.node, now, now)

    async def catch_up(self, done: Done = nothing) -> Stretch | None:
        """Do all that has happened there until now; None when it is not this node's turn.

        Raise OtherJournal, UpstreamDown, UpstreamLies, and what storage raises; what was done
        until then stays.
        """
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._give_back)
            while (pursuit := await self._take()) is not None:
                stretch = await self.step(pursuit.position, 0, done)
                if stretch is not None and stretch.reached.serial == stretch.newest:
                    return stretch
        return None

    async def step(
        self, since: Position | None, wait: float, done: Done = nothing
    ) -> Stretch | None:
        """Do what is told next; None when another has, or the index is promoted by now."""
        stretch = await self.told(since, wait)
        at: Position | None = since
        for window in _windows(stretch.steps):
            good, error = await self._brought(window)
            if good or not window:
                at = await self.pursuits.advance(self.index, at, good, stretch, self.clock())
                if at is None:
                    return None
                done(good)
            if error is not None:
                raise error
            await self._take()  # a lease ends
        return stretch

    async def told(self, since: Position | None, wait: float = 0) -> Stretch:
        """What happened there after a position. Raise OtherJournal, UpstreamDown, UpstreamLies."""
        stretch = await self.primary.stretch(since, AT_ONCE, wait)
        if since is not None and stretch.reached.store != since.store:
            raise OtherJournal(
                f"{self.primary.url} is not the server that was followed until now, but other "
                "data; follow it in an index that is empty"
            )
        return checked(stretch, since.serial if since else 0, self.primary.url)

    async def _brought(self, window: Sequence[Told]) -> tuple[Sequence[Told], Error | None]:
        """The steps, up to the first whose bytes are not all here, and why they are not."""
        wanted = [list(_wanted(step)) for step in window]
        lacking = await self._lacking({each.digest: each for some in wanted for each in some})
        turns = asyncio.Semaphore(TRANSFERS)
        came = await asyncio.gather(
            *(self._bring(each, turns) for each in lacking.values()), return_exceptions=True
        )
        failed = dict(zip(lacking, came, strict=True))
        for count, (step, some) in enumerate(zip(window, wanted, strict=True)):
            for each in some:
                error = failed.get(each.digest)
                if isinstance(error, NoSuchBlob):
                    return window[:count], _lost(self.primary.url, step, each)
                if isinstance(error, Error):
                    return window[:count], error
                if error is not None:
                    raise error
        return window, None

    async def _lacking(self, wanted: dict[Digest, Wanted]) -> dict[Digest, Wanted]:
        """Those that are not here for sure: what nobody needs may be swept at any moment."""
        needed = await self.upkeep.referenced(wanted)
        here = {each for each in needed if await self.blobs.size(each) is not None}
        return {digest: each for digest, each in wanted.items() if digest not in here}

    async def _bring(self, wanted: Wanted, turns: asyncio.Semaphore) -> None:
        most = BESIDE if wanted.size is None else wanted.size
        async with turns:
            with self.spool.scratch() as scratch:
                async for chunk in self.primary.fetch(wanted.digest, most):
                    await scratch.write(chunk)
                said = {"sha256": wanted.digest, **(wanted.upload.hashes if wanted.upload else {})}
                for name, found in scratch.digests.items():
                    if said.get(name, found) != found:
                        raise DigestMismatch(
                            f"{self.primary.url} sends bytes of the {name} {found}, not "
                            f"{said[name]}; have it verify what it keeps"
                        )
                await self.blobs.put(scratch.spooled)


def _windows(steps: Sequence[Told]) -> Iterator[Sequence[Told]]:
    """Some at a time; none once, where there are none: how far that is is worth remembering."""
    for start in range(0, max(1, len(steps)), TOGETHER):
        yield steps[start : start + TOGETHER]


def _wanted(step: Told) -> Iterator[Wanted]:
    upload = step.upload
    if upload is not None and step.deleted_at is None:
        yield Wanted(upload.digest, upload.size, upload)
        for each in (upload.metadata, upload.signature, upload.provenance):
            if each is not None:
                yield Wanted(each, None)
    for file in step.documentation or ():
        yield Wanted(file.digest, file.size)


def _lost(url: str, step: Told, wanted: Wanted) -> Error:
    return UpstreamLies(
        f"{url} has lost bytes of {step.filename or step.project} ({wanted.digest}); restore them "
        "there, or delete there what needs them"
    )
