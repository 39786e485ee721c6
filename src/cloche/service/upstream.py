"""An upstream's pages, read through a cache that goes on answering when the upstream does not."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cloche.core import backfill
from cloche.core.errors import Denied, Elsewhere, Error, NoSuchProject, UpstreamDown, UpstreamLies
from cloche.core.model import Held, Page, ProjectName
from cloche.core.upstreams import Freshness
from cloche.logs import Log
from cloche.ports import (
    Absences,
    Clock,
    Findings,
    Found,
    Greetable,
    Kept,
    PageStore,
    Received,
    Spool,
    Upstream,
)
from cloche.service.completing import Completing
from cloche.service.forgetting import Forgetting
from cloche.service.recall import Recaller

log = Log(__name__)

MAX_ABSENT = 10_000  # names: what clients may make this process remember


@dataclass(frozen=True, slots=True)
class Answer:
    """A page, and the instant from which on it should be asked for again."""

    page: Page
    until: datetime
    serial: int = 0  # of the journal entry that brought it; 0 while it is not kept yet


def _ignored(_: str, __: Page | ProjectName) -> None:
    """Nobody wants to know."""


@dataclass(slots=True)
class _Flight:
    """One question under way. It lands after it is answered, when the answer is kept."""

    answer: asyncio.Future[Answer]
    started: float
    task: asyncio.Task[None] | None = None

    def tell(self, answer: Answer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)


@dataclass
class CachedUpstream:
    """One upstream's pages: single flight, ETags, stale while revalidating and on error."""

    upstream: Upstream
    store: PageStore
    findings: Findings
    spool: Spool
    clock: Clock
    max_files: int
    offline: bool = False
    watched: bool = False  # some rule asks when each of its files was first seen
    freshness: Freshness = field(default_factory=Freshness)
    absences: Absences | None = None  # who is offline knows of none without it
    recall: Recaller | None = None  # None: what is gone upstream is hidden, and nobody is told
    forgetting: Forgetting | None = None  # None: nobody wishes it
    asked: Callable[[str, ProjectName], None] = _ignored  # told of whom nothing is known yet
    came: Callable[[str, Page], None] = _ignored  # told of each new page before it is kept
    _pages: Completing = field(init=False)
    _flights: dict[ProjectName, _Flight] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _absent: dict[ProjectName, datetime] = field(default_factory=dict)
    _unwell: dict[ProjectName, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._pages = Completing(self.name, self.findings, self.max_files, self.watched)

    @property
    def name(self) -> str:
        return self.upstream.name

    async def page(self, project: ProjectName) -> Answer:
        """Answer from what is kept while it is fresh, else ask.

        Raise NoSuchProject when the upstream said so lately, Denied when a rule of the upstream
        withholds it; UpstreamDown or UpstreamLies when it could not be asked and nothing is kept.
        """
        try:
            answer = await self._listed(project)
        except Elsewhere:
            raise
        except NoSuchProject as e:
            return await self._remains(project, e)
        return await self._over(project, answer)

    async def look(self, project: ProjectName, serial: int) -> Answer:
        """Ask now, however fresh what is kept is. Raise what `page` does.

        Raise UpstreamDown when the answer is older than `serial`, of what the upstream listed.
        """
        loop = asyncio.get_running_loop()
        flight = _Flight(loop.create_future(), loop.time())
        async with self.spool.lock(f"page {self.name} {project}"):
            kept = await self.store.recall(self.name, project)
            await self._ask(project, flight, serial, kept)
        return await self._over(project, await flight.answer)

    async def peek(self, project: ProjectName) -> Answer:
        """Ask, and keep nothing. Raise what `page` does."""
        kept = await self.store.recall(self.name, project)
        received = await self.upstream.page(project, kept.etag if kept else None)
        now = self.clock()
        if received.document is None and kept is not None:
            return await self._over(project, await self._answer(project, kept, now))
        if received.document is None:
            raise UpstreamLies(f"{self.name} answers 304 to a question that had no ETag")
        listed = await self._pages.parse(project, received.document)
        known = await self._pages.known(project, listed, self.findings)
        return await self._over(project, Answer(await self._pages.filled(listed, known, now), now))

    async def last(self, project: ProjectName) -> Answer | None:
        """What is kept of the project, however old, with what is gone upstream."""
        kept = await self.store.recall(self.name, project)
        if kept is None:
            return None
        return await self._over(project, await self._answer(project, kept, kept.fresh_until))

    async def lose(self, project: ProjectName) -> None:
        """The upstream has the project no more: take note of that."""
        async with self.spool.lock(f"page {self.name} {project}"):
            kept = await self.store.recall(self.name, project)
            await self._note_absence(project, self.freshness.absent, kept)

    async def check_kept(self, held: Held) -> None:
        """Raise Denied when a file that is kept is served no more."""
        if self.recall is not None and self.recall.denies:
            await self.recall.check(held, await self.known(held.project))

    async def _over(self, project: ProjectName, answer: Answer) -> Answer:
        if self.recall is None:
            return answer
        return replace(answer, page=await self.recall.over(project, answer.page))

    async def _listed(self, project: ProjectName) -> Answer:
        if project in self._absent or project in self._unwell:
            await self._heed()
        kept = await self.store.recall(self.name, project)
        now = self.clock()
        if kept and (self.offline or now < max(kept.fresh_until, self._unwell.get(project, now))):
            until = now + timedelta(days=1) if self.offline else kept.fresh_until
            return await self._answer(project, kept, max(until, self._soon(now)))
        if self.offline and await self._was_absent(project):
            raise self._nothing(project, self.freshness.absent)
        absent_until = self._absent.get(project, now)
        if not kept and now < absent_until:
            raise self._nothing(project, (absent_until - now).total_seconds())
        return await (self._stale(project, kept) if kept else self._join(project))

    async def _was_absent(self, project: ProjectName) -> bool:
        return self.absences is not None and await self.absences.noted(self.name, project)

    async def _remains(self, project: ProjectName, absence: NoSuchProject) -> Answer:
        """What there still is of a project that is gone. Raise the absence if that is nothing."""
        found = await self.recall.instead(project) if self.recall else None
        if found is None:
            raise absence
        page, serial = found
        seconds = self.freshness.absent if absence.max_age is None else absence.max_age
        return Answer(page, self.clock() + timedelta(seconds=max(1.0, seconds)), serial)

    async def known(self, project: ProjectName) -> Page | None:
        """What is kept of the project, however old; never asks the upstream."""
        kept = await self.store.recall(self.name, project)
        return await self._page(project, kept) if kept else None

    async def keeps(self, project: ProjectName) -> bool:
        """Whether a page is kept, once what is under way for the project is done."""
        flight = self._flights.get(project)
        if flight is not None and flight.task is not None:
            await asyncio.wait({flight.task})
        return await self.store.recall(self.name, project) is not None

    def forget(self, project: ProjectName) -> None:
        """Let go of what this process alone remembers of the project: an absence, a failure."""
        for memory in (self._absent, self._unwell):
            memory.pop(project, None)

    async def _heed(self) -> None:
        """Let go of all of that, if somebody wished it in any process."""
        if self.forgetting is not None and await self.forgetting.due():
            self._absent.clear()
            self._unwell.clear()

    async def greet(self) -> None:
        """Have a connection at hand for the first who asks, where there can be one."""
        if not self.offline and isinstance(self.upstream, Greetable):
            await self.upstream.greet()

    async def close(self) -> None:
        """Stop asking."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.upstream.close()

    async def _stale(self, project: ProjectName, kept: Kept) -> Answer:
        """Wait a moment for news; failing that, answer what is kept, and go on asking behind."""
        flight = self._flight(project)
        spent = asyncio.get_running_loop().time() - flight.started
        patience = max(0.0, self.freshness.patience - spent)
        try:
            return await asyncio.wait_for(asyncio.shield(flight.answer), patience)
        except (NoSuchProject, Denied):
            raise
        except (TimeoutError, Error):  # also of our own disk: a kept page needs none
            return await self._answer(project, kept, self._soon(self.clock()))

    async def _join(self, project: ProjectName) -> Answer:
        return await asyncio.shield(self._flight(project).answer)

    def _flight(self, project: ProjectName) -> _Flight:
        """The one request under way for this project, begun now if there is none.

        One that is answered and only lands still will do while its answer holds: else the next
        is asked for as soon as it has landed.
        """
        flight = self._flights.get(project)
        if flight is None or self._is_over(flight):
            loop = asyncio.get_running_loop()
            flight = self._flights[project] = _Flight(loop.create_future(), loop.time())
            flight.task = loop.create_task(self._fly(project, flight))
            self._tasks.add(flight.task)
            flight.task.add_done_callback(self._tasks.discard)
        return flight

    def _is_over(self, flight: _Flight) -> bool:
        answer = flight.answer
        if not answer.done() or answer.exception() is not None:
            return False
        return answer.result().until <= self.clock()

    async def _fly(self, project: ProjectName, flight: _Flight) -> None:
        try:
            await self._refresh(project, flight)
        except asyncio.CancelledError:
            self._fail(project, flight, UpstreamDown("the server is stopping; try again"))
            raise
        except Exception as e:  # noqa: BLE001 - whatever it is, nobody may be left waiting
            self._fail(project, flight, e)
        finally:
            if self._flights.get(project) is flight:
                del self._flights[project]

    def _fail(self, project: ProjectName, flight: _Flight, error: Exception) -> None:
        if isinstance(error, UpstreamDown | UpstreamLies):
            asked = error.retry_after if isinstance(error, UpstreamDown) else 0
            self._remember(self._unwell, project, max(asked, self.freshness.after_failure))
        if not isinstance(error, NoSuchProject | Denied):
            log.warning("refresh failed", upstream=self.name, project=project, error=repr(error))
        if not flight.answer.done():
            flight.answer.set_exception(error)
            flight.answer.exception()  # those who wait have it; nobody may be left to take it

    async def _refresh(self, project: ProjectName, flight: _Flight) -> None:
        # Only one worker of the node asks; the others find its answer when they get the lock.
        async with self.spool.lock(f"page {self.name} {project}"):
            kept = await self.store.recall(self.name, project)
            if kept and self.clock() < kept.fresh_until:
                flight.tell(await self._answer(project, kept, kept.fresh_until))
                return
            await self._heed()  # what is wished from now on counts for what is said now
            await self._ask(project, flight, 0, kept)

    async def _ask(
        self, project: ProjectName, flight: _Flight, serial: int, kept: Kept | None
    ) -> None:
        if kept is None:
            self.asked(self.name, project)
        try:
            received = await self.upstream.page(project, kept.etag if kept else None)
        except Elsewhere:
            raise
        except NoSuchProject as e:
            seconds = self._absence(e.max_age)
            await self._note_absence(project, seconds, kept)
            raise self._nothing(project, seconds) from None
        if received.serial is not None and received.serial < serial:
            raise UpstreamDown(
                f"{self.name} lists {project} at serial {serial}, and its page is of serial "
                f"{received.serial}: a cache there is behind; try again later"
            )
        self._unwell.pop(project, None)
        await self._take(project, kept, received, flight)

    async def _note_absence(self, project: ProjectName, seconds: float, kept: Kept | None) -> None:
        self._remember(self._absent, project, seconds)
        if kept is not None:
            await self._follow(project, kept, None)
            await self.store.gone(self.name, project, self.clock())

    async def _take(
        self, project: ProjectName, kept: Kept | None, received: Received, flight: _Flight
    ) -> None:
        now = self.clock()
        until = now + timedelta(seconds=self._lifetime(received.max_age))
        if received.document is not None:
            listed = await self._pages.parse(project, received.document)
            new = Kept(
                document=received.document,
                serial=0,
                etag=received.etag,
                first_seen=now,
                checked_at=now,
                fresh_until=until,
            )
            await self._keep(project, new, listed, kept, flight)
        elif kept is not None:
            flight.tell(await self._answer(project, kept, until))
            if until > now:  # else it is asked again anyway, and nothing need be written down
                await self.store.touch(self.name, project, now, until)
        else:
            raise UpstreamLies(f"{self.name} answers 304 to a question that had no ETag")

    async def _keep(
        self, project: ProjectName, new: Kept, listed: Page, before: Kept | None, flight: _Flight
    ) -> None:
        """Keep what was received, then answer: what was served once can be served again.

        But nobody waits for the write lock longer than a moment, and a full disk does not
        keep a page from those who ask for it.
        """
        known = await self._pages.known(project, listed, self.findings)
        late = await self._pages.late(project, known, before)
        known = backfill.Findings(known.kept, {**late, **known.seen}, self.watched)
        page = await self._pages.filled(listed, known, new.first_seen)
        self.came(self.name, page)
        answer = Answer(page, new.fresh_until)
        loop = asyncio.get_running_loop()
        impatience = loop.call_later(self.freshness.patience, flight.tell, answer)
        try:
            await self._pages.see(project, listed, known, late, new.first_seen)
            if before is not None and before.document.body != new.document.body:
                await self._follow(project, before, listed)
            serial = await self.store.keep(self.name, project, new)
            answer = Answer(page, new.fresh_until, serial)
        finally:
            impatience.cancel()
            flight.tell(answer)

    async def _follow(self, project: ProjectName, before: Kept, after: Page | None) -> None:
        """Take note of kept files that the page lists no longer, before it is kept itself."""
        if self.recall is not None:
            await self.recall.follow(
                project, lambda: self._pages.parse(project, before.document), after, self.clock()
            )

    async def _answer(self, project: ProjectName, kept: Kept, until: datetime) -> Answer:
        return Answer(await self._page(project, kept), until, kept.serial)

    async def _page(self, project: ProjectName, kept: Kept) -> Page:
        return await self._pages.reread(project, kept, self.findings)

    async def reread(self, project: ProjectName, kept: Kept, findings: Found) -> Page:
        """The page as it is kept, and what was found out besides."""
        return await self._pages.reread(project, kept, findings)

    def _lifetime(self, max_age: int | None) -> float:
        return self.freshness.default if max_age is None else min(max_age, self.freshness.most)

    def _soon(self, now: datetime) -> datetime:
        return now + timedelta(seconds=1)

    def _absence(self, max_age: float | None) -> float:
        absent = self.freshness.absent
        return absent if max_age is None else min(max_age, absent)

    def _nothing(self, project: ProjectName, seconds: float) -> NoSuchProject:
        said = f"{self.name} has no project {project}"
        return NoSuchProject(said, max_age=seconds, upstreams=(self.name,))

    def _remember(
        self, memory: dict[ProjectName, datetime], name: ProjectName, secs: float
    ) -> None:
        if len(memory) >= MAX_ABSENT:
            del memory[next(iter(memory))]
        memory[name] = self.clock() + timedelta(seconds=secs)
