"""An upstream's pages, read through a cache that goes on answering when the upstream does not."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from msgspec import Struct

from cloche.core.errors import NoSuchProject, UpstreamDown, UpstreamLies
from cloche.core.model import Page, ProjectName
from cloche.core.wire import read_page
from cloche.ports import Clock, Document, Kept, PageStore, Received, Spool, Upstream

log = structlog.get_logger(__name__)

MAX_ABSENT = 10_000  # names: what clients may make this process remember
INLINE = 64 << 10  # bytes of a page that are parsed sooner than a thread is woken


class Freshness(Struct, frozen=True, kw_only=True):
    """How long answers hold, in seconds."""

    default: float = 600  # when the upstream does not say: what PyPI says
    most: float = 24 * 3600
    absent: float = 60
    patience: float = 0.5  # a moment: how long a client waits for news of a page that is kept
    after_failure: float = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """A page, and the instant from which on it should be asked for again."""

    page: Page
    until: datetime


@dataclass(slots=True)
class _Flight:
    task: asyncio.Task[Answer]
    started: float


@dataclass
class CachedUpstream:
    """One upstream's pages: single flight, ETags, stale while revalidating and on error."""

    upstream: Upstream
    store: PageStore
    spool: Spool
    clock: Clock
    max_files: int
    offline: bool = False
    freshness: Freshness = field(default_factory=Freshness)
    _flights: dict[ProjectName, _Flight] = field(default_factory=dict)
    _absent: dict[ProjectName, datetime] = field(default_factory=dict)
    _unwell: dict[ProjectName, datetime] = field(default_factory=dict)
    _chores: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.upstream.name

    async def page(self, project: ProjectName) -> Answer:
        """Answer from what is kept while it is fresh, else ask.

        Raise NoSuchProject when the upstream said so lately; UpstreamDown or UpstreamLies when
        it could not be asked and nothing is kept.
        """
        kept = await self.store.recall(self.name, project)
        now = self.clock()
        if kept and (self.offline or now < max(kept.fresh_until, self._unwell.get(project, now))):
            until = now + timedelta(days=1) if self.offline else kept.fresh_until
            return Answer(await self._parse(project, kept.document), max(until, self._soon(now)))
        if self.offline:
            raise UpstreamDown(
                f"{project} is not kept here, and the server is offline: start it without --offline"
            )
        if not kept and now < self._absent.get(project, now):
            raise self._nothing(project)
        return await (self._stale(project, kept) if kept else self._join(project))

    async def known(self, project: ProjectName) -> Page | None:
        """What is kept of the project, however old; never asks the upstream."""
        kept = await self.store.recall(self.name, project)
        return await self._parse(project, kept.document) if kept else None

    async def close(self) -> None:
        """Stop asking."""
        tasks = [flight.task for flight in self._flights.values()] + list(self._chores)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.upstream.close()

    async def _stale(self, project: ProjectName, kept: Kept) -> Answer:
        """Wait a moment for news; failing that, answer what is kept, and go on asking behind."""
        flight = self._flight(project)
        spent = asyncio.get_running_loop().time() - flight.started
        patience = max(0.0, self.freshness.patience - spent)
        with suppress(TimeoutError, UpstreamDown, UpstreamLies):
            return await asyncio.wait_for(asyncio.shield(flight.task), patience)
        return Answer(await self._parse(project, kept.document), self._soon(self.clock()))

    async def _join(self, project: ProjectName) -> Answer:
        return await asyncio.shield(self._flight(project).task)

    def _flight(self, project: ProjectName) -> _Flight:
        """The one request under way for this project, begun now if there is none."""
        flight = self._flights.get(project)
        if flight is None:
            loop = asyncio.get_running_loop()
            flight = _Flight(loop.create_task(self._refresh(project)), loop.time())
            self._flights[project] = flight
            flight.task.add_done_callback(lambda task: self._landed(project, task))
        return flight

    def _landed(self, project: ProjectName, task: asyncio.Task[Answer]) -> None:
        del self._flights[project]
        error = None if task.cancelled() else task.exception()
        if isinstance(error, UpstreamDown | UpstreamLies):
            wait = getattr(error, "retry_after", self.freshness.after_failure)
            self._remember(self._unwell, project, wait)
            log.warning("upstream failed", upstream=self.name, project=project, error=str(error))

    async def _refresh(self, project: ProjectName) -> Answer:
        # Only one worker of the node asks; the others find its answer when they get the lock.
        async with self.spool.lock(f"page {self.name} {project}"):
            kept = await self.store.recall(self.name, project)
            if kept and self.clock() < kept.fresh_until:
                return Answer(await self._parse(project, kept.document), kept.fresh_until)
            try:
                received = await self.upstream.page(project, kept.etag if kept else None)
            except NoSuchProject:
                await self._note_absence(project, was_kept=kept is not None)
                raise self._nothing(project) from None
            return await self._keep(project, kept, received)

    async def _note_absence(self, project: ProjectName, *, was_kept: bool) -> None:
        self._remember(self._absent, project, self.freshness.absent)
        if was_kept:
            await self.store.gone(self.name, project, self.clock())

    async def _keep(self, project: ProjectName, kept: Kept | None, received: Received) -> Answer:
        now = self.clock()
        until = now + timedelta(seconds=self._lifetime(received.max_age))
        if received.document is None:
            if kept is None:
                raise UpstreamLies(f"{self.name} answers 304 to a question that had no ETag")
            # A read must not wait for the write lock only to note that nothing has changed.
            self._behind(self.store.touch(self.name, project, now, until))
            return Answer(await self._parse(project, kept.document), until)
        page = await self._parse(project, received.document)
        fresh = Kept(
            document=received.document,
            serial=0,
            etag=received.etag,
            first_seen=now,
            checked_at=now,
            fresh_until=until,
        )
        await self.store.keep(self.name, project, fresh)
        self._unwell.pop(project, None)
        return Answer(page, until)

    async def _parse(self, project: ProjectName, document: Document) -> Page:
        """Parse a page, in a thread when it is large. Raise UpstreamLies when it is none."""

        def parse() -> Page:
            return read_page(
                project,
                document.body,
                document.content_type,
                document.url,
                max_files=self.max_files,
            )

        if len(document.body) <= INLINE:
            return parse()
        return await asyncio.to_thread(parse)

    def _lifetime(self, max_age: int | None) -> float:
        return self.freshness.default if max_age is None else min(max_age, self.freshness.most)

    def _soon(self, now: datetime) -> datetime:
        return now + timedelta(seconds=1)

    def _nothing(self, project: ProjectName) -> NoSuchProject:
        return NoSuchProject(f"{self.name} has no project {project}")

    def _remember(
        self, memory: dict[ProjectName, datetime], name: ProjectName, secs: float
    ) -> None:
        if len(memory) >= MAX_ABSENT:
            del memory[next(iter(memory))]
        memory[name] = self.clock() + timedelta(seconds=secs)

    def _behind(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chore_done)

    def _chore_done(self, task: asyncio.Task[None]) -> None:
        self._chores.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.warning("could not note a page's freshness", upstream=self.name, error=str(error))
