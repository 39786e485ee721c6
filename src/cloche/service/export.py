"""An index, or one moment of it, as static files in a folder or a bucket.

Projects first, then the list of them, then what is gone: the list never names a project that is
not there. What nothing has changed of is not written again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import msgspec
from msgspec import Struct

from cloche.core.errors import BadName, BadSetting, Occupied, OtherJournal
from cloche.core.following import Position
from cloche.core.model import ProjectName, project_name
from cloche.core.roots import roll
from cloche.core.static import (
    HTML,
    OWN,
    Known,
    Manifest,
    Mark,
    State,
    manifest_path,
    piece_of,
    read_manifest,
    read_state,
)
from cloche.core.wire import render_links
from cloche.ports import Clock, Followable, Records, Spool
from cloche.ports.sites import Site
from cloche.service.abreast import each
from cloche.service.alone import Alone
from cloche.service.static_project import UNLISTED, StaticProject
from cloche.service.static_way import Way

MARK, LIST, RUN = f"{OWN}/export.json", f"{OWN}/list.json", f"{OWN}/run.json"
STATE = f"{OWN}/state.json"
PROJECTS = manifest_path(ProjectName(""))
NEVER = 2**63 - 1  # a serial after which nothing has changed
MOMENT = 0.5  # seconds: of a lock that somebody else lets go just now


class Run(Struct, frozen=True):
    """Who writes to a target."""

    host: str
    process: int


@dataclass(frozen=True, slots=True)
class _Start:
    """What a run starts from: what the last one left, and what has changed since."""

    state: State
    journal: Position
    changed: frozenset[ProjectName]
    now: datetime

    def known(self, name: ProjectName) -> Known | None:
        """What is known of a project that the journal has not named."""
        return None if name in self.changed else self.state.projects.get(name)

    def holds(self, known: Known) -> bool:
        """Whether nobody need look at the project's page."""
        return known.until is not None and self.now < known.until


@dataclass(frozen=True, slots=True)
class Export:
    """`where` tells targets apart; `way` what pages are made by, and else is not what is known.

    `alone` keeps other nodes out of a target that they can reach.
    """

    project: StaticProject
    site: Site
    records: Records
    followable: Followable
    spool: Spool
    alone: Alone | None
    clock: Clock
    where: str
    way: str
    run: Run
    mark: Mark
    full: bool = False  # look at everything, whatever the last run left

    async def export(
        self, names: Sequence[ProjectName], begun: Callable[[int], None], done: Callable[[], None]
    ) -> None:
        """Make the target have these projects of the index, and no others.

        `begun` is told how many there are, `done` of each. Raise BadSetting when the target is
        another's, or is being written, or would lose all that it has, and what a target raises.
        """
        async with self._alone():
            start = await self._begin(names)
            begun(len(names))
            made: dict[ProjectName, Known] = {}

            async def update(name: ProjectName) -> None:
                known = await self._one(name, start)
                if known is not None:
                    made[name] = known
                done()

            await each(names, self._way.jobs, update)
            if not await self._same_list(start.state, made):
                await self._list({n: k.serial for n, k in made.items() if k.serial != UNLISTED})
            await self.project.finish()
            async for name in self._there(start.state):
                if name not in made:
                    await self.project.remove(name)
            await self._end(start, State(self.way, start.journal, dict(sorted(made.items()))))

    @property
    def _way(self) -> Way:
        return self.project.way

    async def _one(self, name: ProjectName, start: _Start) -> Known | None:
        known = start.known(name)
        # What lists want of a page may be other than it was: it is looked at.
        settled = known is not None and self.project.narrow is None and start.holds(known)
        if known is not None and settled and await self.project.stands(name, known):
            return known
        return await self.project.update(name, known)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Keep every other run out of the target."""
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(MOMENT):
                    await stack.enter_async_context(self.spool.lock(f"export {self.where}"))
                if self.alone is not None:
                    doing = self.alone.doing(f"the export to {self.where}")
                    await stack.enter_async_context(doing)
            except (TimeoutError, Occupied):
                raise BadSetting(await self._whose()) from None
            yield

    async def _whose(self) -> str:
        said = await self.site.read(RUN)
        try:
            run = msgspec.json.decode(said or b"", type=Run)
        except msgspec.DecodeError:
            return f"another export to {self.where} is running; wait for its end"
        return (
            f"another export to {self.where} is running, process {run.process} on {run.host}; "
            "wait for its end"
        )

    async def _begin(self, names: Sequence[ProjectName]) -> _Start:
        said = await self.site.read(MARK)
        if said is None:
            await self._check_empty()
        elif msgspec.json.decode(said, type=Mark) != self.mark:
            found = msgspec.json.decode(said, type=Mark)
            raise BadSetting(
                f"{self.where} has index {found.index} in layout {found.layout} (of format "
                f"{found.version}); name another target, or remove that one"
            )
        state = await self._state()
        if not names and await anext(self._there(state), None) is not None:
            raise BadSetting(
                f"index {self.mark.index} has no project, and {self.where} has some; see that "
                "--data is right, or remove that folder if so it shall be"
            )
        if not self._way.dry:
            await self.site.begin()
            if said is None:
                await self.site.write(MARK, msgspec.json.encode(self.mark))
            await self.site.write(RUN, msgspec.json.encode(self.run))
        return await self._start(state, self.clock())

    async def _start(self, state: State, now: datetime) -> _Start:
        try:
            journal = await self.followable.newest(state.journal)
        except OtherJournal:  # other data are exported, or a backup
            state, journal = State(), await self.followable.newest(None)
        since = NEVER if state.journal is None else state.journal.serial
        changes = await self.records.changes(since)
        changed = frozenset(project for _, project in changes.named)
        return _Start(state, journal, changed, now)

    async def _state(self) -> State:
        """What the last run left; nothing if it did not come to its end."""
        if self.full or await self.site.read(RUN) is not None:
            return State()
        return read_state(await self.site.read(STATE), self.way)

    async def _end(self, start: _Start, state: State) -> None:
        if self._way.dry:
            return
        if state != start.state:
            await self.site.write(STATE, msgspec.json.encode(state))
        await self.site.remove([RUN])

    async def _check_empty(self) -> None:
        layout = self._way.layout
        folders = (layout.root, f"{layout.root}simple", layout.files.rstrip("/"))
        for folder in ("",) if layout.flat else filter(None, folders):
            if await anext(self.site.names(folder.rstrip("/")), None) is not None:
                raise BadSetting(
                    f"{self.where} has {folder or 'something'} already, and no export made it; "
                    "name another target"
                )

    async def _list(self, listed: dict[ProjectName, int]) -> None:
        """Write the list of all projects, if it is another than is there."""
        newest = max(listed.values(), default=0)
        made = roll(sorted(listed.items()), newest)
        layout = self._way.layout
        if layout.flat:
            files = {HTML: await self._links(sorted(listed))}
        else:
            files = await asyncio.to_thread(layout.list, made)
        if layout.documents:
            files[f"{layout.root}last-modified"] = await self.project.documents.modified(newest)
        before = read_manifest(await self.site.read(LIST))
        sizes = await self.site.sizes([*files])
        after = Manifest({path: piece_of(data) for path, data in files.items()}, newest, whole=True)
        if self._way.dry:
            return
        for (path, data), size in zip(files.items(), sizes, strict=True):
            if size != len(data) or before.pieces.get(path) != after.pieces[path]:
                await self.site.write(path, data)
        if after != before:
            await self.site.write(LIST, msgspec.json.encode(after))

    async def _links(self, names: Iterable[ProjectName]) -> bytes:
        """The page of all links, each project's as they are written down."""
        found = [read_manifest(await self.site.read(manifest_path(name))) for name in names]
        return render_links(each.links for each in found)

    async def _same_list(self, state: State, made: Mapping[ProjectName, Known]) -> bool:
        """Whether the list that lies there says just this."""
        said, says = (
            {name: (known.serial, known.page) for name, known in those.items()}
            for those in (state.projects, made)
        )
        if not state.way or said != says:
            return False
        if self.site.lasting:
            return True
        pieces = read_manifest(await self.site.read(LIST)).pieces
        sizes = await self.site.sizes([*pieces])
        return bool(pieces) and sizes == [piece.size for piece in pieces.values()]

    async def _there(self, state: State) -> AsyncIterator[ProjectName]:
        """The projects of which the target may have something."""
        if state.way:
            for known in state.projects:
                yield known
            return
        async for name in self.site.names(PROJECTS.rstrip("/")):
            try:
                yield project_name(name)
            except BadName:
                continue
