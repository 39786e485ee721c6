"""One project of a mirror: looked at, judged, brought, or taken back."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from msgspec.structs import replace

from cloche.core.errors import Denied, Error, NoSuchProject, StorageDown, StorageFull
from cloche.core.mirrors import Gone, Mirrored, Mode, State, again
from cloche.core.model import BESIDE, File, FileKey, Held, ProjectName
from cloche.core.policy import FOREVER
from cloche.ports import Blobs, Clock, Failure, Holdings, Mirrors, Settled
from cloche.service.carry import Carrier
from cloche.service.desired import Desired, Judges
from cloche.service.pinned import Pins
from cloche.service.upstream import Answer, CachedUpstream

FLUSH = 500  # files of one project that are recorded at once
AT_ONCE = 32  # of one project: those who wait for a slot are of other projects too
ABSENT = 3  # times that a listed project may have no page before that is believed
LATER = 8  # "tries" after which what a rule elsewhere withholds is asked for again


class Watch(Protocol):
    """Who wants to know how far it is."""

    def expect(self, *, projects: int = 0, files: int = 0, size: int = 0) -> None: ...

    def done(self, *, projects: int = 0, files: int = 0, size: int = 0) -> None: ...

    def settled(self, upstream: str, project: ProjectName, result: "Result") -> None:
        """So much came of a project."""


@dataclass(slots=True)
class Result:
    """What was done about a project: files and bytes brought, files dropped."""

    state: State
    files: int = 0
    size: int = 0
    dropped: int = 0
    causes: list[tuple[str | None, str]] = field(default_factory=list)  # filename, why


@dataclass(slots=True)
class _Load:
    """What a project wants, and what has come of it."""

    row: Mirrored
    wanted: Sequence[File]
    here: set[tuple[FileKey, str]]
    held: list[Held] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


@dataclass
class One:
    """Projects of one upstream, one after the other or many at once."""

    cached: CachedUpstream
    judges: Judges
    carrier: Carrier
    holdings: Holdings
    mirrors: Mirrors
    blobs: Blobs
    clock: Clock
    mode: Mode
    gone: Gone
    slots: asyncio.Semaphore  # requests under way
    places: frozenset[str]  # indexes whose changes matter
    pins: Pins
    dry: bool = False
    full: bool = False
    is_listed: bool = True  # the upstream itself says that its projects are there

    async def settle(self, row: Mirrored, watch: Watch) -> Result:
        """Do what is to be done about it. Raise StorageFull and StorageDown, which end all."""
        try:
            result = await self._settle(row, watch)
        except (StorageFull, StorageDown):
            raise
        except Error as e:
            result = await self._failed(row, e.detail)
        watch.done(projects=1)
        watch.settled(self.cached.name, row.project, result)
        return result

    async def _settle(self, row: Mirrored, watch: Watch) -> Result:
        if row.state is State.LOST:
            return await self._lose(row)
        if row.state is State.LEFT:
            held = await self.holdings.files(self.cached.name, row.project)
            return await self._nothing(row, await self._free(held), None)
        try:
            answer = await self._answer(row)
        except NoSuchProject as e:
            return await self._absent(row, e)
        except Denied as e:
            later = again(self.clock(), LATER, random.random())  # noqa: S311 - no secret
            return await self._nothing(row, [], replace(_settled(row), due_at=later, cause=str(e)))
        desired = await self.judges.of(row.project, answer)
        held = await self._held(row.project)
        superfluous = _superfluous(held, answer, desired, self.gone)
        dropped = {(each.key, each.filename) for each in await self._free(superfluous)}
        if dropped:
            held = [each for each in held if (each.key, each.filename) not in dropped]
        row = replace(row, seen=row.listed)
        return await self._bring(row, desired, held, dropped, watch)

    # Pages -----------------------------------------------------------------------------------

    async def _answer(self, row: Mirrored) -> Answer:
        """The page: asked for if it may be another, else as it is kept."""
        if not self.is_listed and not self.dry:
            await self.judges.page(row.project)
        elif not (self.full or row.state is State.DUE or row.seen != row.listed or not row.listed):
            kept = await self.cached.last(row.project)
            if kept is not None:
                return kept
        async with self.slots:
            if self.dry:
                return await self.cached.peek(row.project)
            if self.is_listed:
                return await self.cached.look(row.project, row.listed)
        found = await self.cached.last(row.project)
        if found is None:
            raise NoSuchProject(f"{self.cached.name} has no project {row.project}")
        return found

    async def _absent(self, row: Mirrored, absence: NoSuchProject) -> Result:
        """Listed, and without a page: one of both is of yesterday. The page is, most often."""
        if row.tries + 1 < ABSENT and not self.dry:
            return await self._failed(row, f"it is listed, but {absence.detail}")
        held = await self.holdings.files(self.cached.name, row.project)
        dropped = await self._free(held) if self.gone == "drop" else []
        return await self._nothing(row, dropped, replace(_settled(row), cause=absence.detail))

    async def _lose(self, row: Mirrored) -> Result:
        """It is listed no longer."""
        if not self.dry:
            await self.cached.lose(row.project)
        held = await self.holdings.files(self.cached.name, row.project)
        after = replace(_settled(row), state=State.GONE, seen=None)
        dropped = await self._free(held) if self.gone == "drop" else []
        return await self._nothing(row, dropped, after)

    async def _free(self, held: Sequence[Held]) -> list[Held]:
        """Those that no snapshot shows: it is to have its bytes, whatever becomes of all else."""
        pinned = await self.pins.now() if held else None
        return [each for each in held if pinned is not None and not await pinned.shows(each)]

    async def _nothing(
        self, row: Mirrored, dropped: Sequence[Held], after: Mirrored | None
    ) -> Result:
        """Nothing of it is wanted."""
        names = {(each.key, each.filename) for each in dropped}
        if not self.dry:
            settled = Settled(project=row.project, row=after, dropped=names)
            await self.mirrors.settle(self.cached.name, settled)
        state = State.GONE if after is None else after.state
        return Result(state, dropped=_distributions(names))

    async def _failed(self, row: Mirrored, cause: str) -> Result:
        tries = row.tries + 1
        # What was wanted of it is not known, or as it was.
        after = replace(
            row,
            state=row.state if row.state in {State.LOST, State.LEFT} else State.FAILED,
            tries=tries,
            due_at=again(self.clock(), tries, random.random()),  # noqa: S311 - no secret
            cause=cause,
        )
        if not self.dry:
            settled = Settled(project=row.project, row=after)
            await self.mirrors.settle(self.cached.name, settled)
        return Result(State.FAILED, causes=[(None, cause)])

    # Files -----------------------------------------------------------------------------------

    async def _held(self, project: ProjectName) -> list[Held]:
        """What is kept of it; in a full run, what is kept indeed."""
        held = await self.holdings.files(self.cached.name, project)
        if not self.full:
            return held
        return [each for each in held if await self.blobs.size(each.digest) == each.size]

    async def _bring(
        self,
        row: Mirrored,
        desired: Desired,
        held: Sequence[Held],
        dropped: set[tuple[FileKey, str]],
        watch: Watch,
    ) -> Result:
        load = _Load(row, desired.files, {(each.key, each.filename) for each in held})
        lacking = [file for file in load.wanted if self._lacks(load, file)]
        files = [each for each in lacking if self._lacks_bytes(load, each)]
        size = sum(file.size or 0 for file in files)
        watch.expect(files=len(files), size=size)
        if self.dry:
            return Result(State.DUE, len(files), size, _distributions(dropped))
        await self._carry(load, lacking, watch)
        after = self._after(load, desired)
        await self.mirrors.settle(
            self.cached.name,
            Settled(
                project=row.project,
                row=after,
                held=load.held,
                dropped=dropped,
                failures=load.failures,
            ),
        )
        failed = {each.filename for each in load.failures}
        came = [file for file in files if file.filename not in failed]
        return Result(
            after.state,
            len(came),
            sum(file.size or 0 for file in came),
            _distributions(dropped),
            [(each.filename, each.cause) for each in load.failures],
        )

    def _lacks(self, load: _Load, file: File) -> bool:
        beside = file.core_metadata and (file.key, f"{file.filename}.metadata") not in load.here
        return bool(beside) or self._lacks_bytes(load, file)

    def _lacks_bytes(self, load: _Load, file: File) -> bool:
        return self.mode == "all" and (file.key, file.filename) not in load.here

    async def _carry(self, load: _Load, lacking: Iterable[File], watch: Watch) -> None:
        """Bring what is lacking, as many at once as there are slots."""
        wanted = list(lacking)
        left = iter(wanted)

        async def work() -> None:
            for file in left:
                async with self.slots:
                    await self._file(load, file, watch)
                if len(load.held) >= FLUSH:
                    await self._flush(load)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(len(wanted), AT_ONCE)):
                    group.create_task(work())
        except ExceptionGroup as e:
            raise e.exceptions[0] from None

    async def _file(self, load: _Load, file: File, watch: Watch) -> None:
        whole = self.mode == "all"
        try:
            load.held += await self.carrier.bring(load.row.project, file, load.here, whole=whole)
        except (StorageFull, StorageDown):
            raise
        except Error as e:
            load.failures.append(
                Failure(
                    project=load.row.project,
                    filename=file.filename,
                    cause=e.detail,
                    at=self.clock(),
                )
            )
        else:
            if self._lacks_bytes(load, file):
                watch.done(files=1, size=file.size or 0)

    async def _flush(self, load: _Load) -> None:
        """Record what has come of a large project so far."""
        held, load.held = load.held, []
        settled = Settled(project=load.row.project, row=load.row, held=held)
        await self.mirrors.settle(self.cached.name, settled)

    def _after(self, load: _Load, desired: Desired) -> Mirrored:
        failed = {each.filename for each in load.failures}
        lacking = [file for file in load.wanted if file.filename in failed]
        counted = load.wanted if self.mode == "all" else lacking
        tries = load.row.tries + 1 if failed else 0
        now = self.clock()
        due = None if desired.until == FOREVER else desired.until
        if failed:
            due = again(now, tries, random.random())  # noqa: S311 - no secret
        return replace(
            load.row,
            state=State.FAILED if failed else State.HELD,
            tries=tries,
            due_at=due,
            cause=load.failures[0].cause if failed else "",
            files=len(counted),
            size=sum(file.size or 0 for file in counted),
            lacking=len(lacking),
            lacking_size=sum(file.size or 0 for file in lacking),
        )


def _settled(row: Mirrored) -> Mirrored:
    """The row of a project of which nothing is wanted, and nothing lacks."""
    return Mirrored(project=row.project, state=State.HELD, listed=row.listed, seen=row.listed)


def _superfluous(held: Iterable[Held], answer: Answer, desired: Desired, gone: Gone) -> list[Held]:
    """What is kept, and may not be: denied by rules, or listed no longer if that is dropped."""
    listed = {(file.key, file.filename) for file in answer.page.files}
    found = []
    for each in held:
        name = _distribution(each.filename)
        still = (each.key, name) in listed
        if name in desired.refused if still else gone == "drop":
            found.append(each)
    return found


def _distribution(filename: str) -> str:
    """The distribution that it is, or lies beside."""
    return next((filename.removesuffix(end) for end in BESIDE if filename.endswith(end)), filename)


def _distributions(names: Iterable[tuple[FileKey, str]]) -> int:
    return sum(not name.endswith(BESIDE) for _, name in names)
