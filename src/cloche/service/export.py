"""An index, or one moment of it, as static files in a folder or a bucket.

Projects first, then the list of them, then what is gone: the list never names a project that is
not there. What nothing has changed of is not written again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import msgspec
from msgspec import Struct

from cloche.core.errors import BadName, BadSetting
from cloche.core.model import ProjectName, project_name
from cloche.core.roots import roll
from cloche.core.static import (
    OWN,
    Manifest,
    Mark,
    manifest_path,
    piece_of,
    read_manifest,
)
from cloche.ports import Spool
from cloche.ports.sites import Site
from cloche.service.abreast import each
from cloche.service.static_project import UNLISTED, StaticProject
from cloche.service.static_way import Way

MARK, LIST, RUN = f"{OWN}/export.json", f"{OWN}/list.json", f"{OWN}/run.json"
PROJECTS = manifest_path(ProjectName(""))
MOMENT = 0.5  # seconds: of a lock that somebody else lets go just now


class Run(Struct, frozen=True):
    """Who writes to a target."""

    host: str
    process: int


@dataclass(frozen=True, slots=True)
class Export:
    """`where` tells targets apart."""

    project: StaticProject
    site: Site
    spool: Spool
    where: str
    run: Run
    mark: Mark

    async def export(
        self, names: Sequence[ProjectName], begun: Callable[[int], None], done: Callable[[], None]
    ) -> None:
        """Make the target have these projects of the index, and no others.

        `begun` is told how many there are, `done` of each. Raise BadSetting when the target is
        another's, or is being written, or would lose all that it has, and what a target raises.
        """
        async with self._alone():
            await self._begin(names)
            begun(len(names))
            serials: dict[ProjectName, int] = {}

            async def update(name: ProjectName) -> None:
                serial = await self.project.update(name)
                if serial is not None:
                    serials[name] = serial
                done()

            await each(names, self._way.jobs, update)
            await self._list({n: serial for n, serial in serials.items() if serial != UNLISTED})
            async for name in self._there():
                if name not in serials:
                    await self.project.remove(name)

    @property
    def _way(self) -> Way:
        return self.project.way

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Keep every other run on this node out of the target, and say who is at it."""
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(MOMENT):
                    await stack.enter_async_context(self.spool.lock(f"export {self.where}"))
            except TimeoutError:
                raise BadSetting(await self._whose()) from None
            yield
            if not self._way.dry:
                await self.site.remove([RUN])

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

    async def _begin(self, names: Sequence[ProjectName]) -> None:
        said = await self.site.read(MARK)
        if said is None:
            await self._check_empty()
        elif msgspec.json.decode(said, type=Mark) != self.mark:
            found = msgspec.json.decode(said, type=Mark)
            raise BadSetting(
                f"{self.where} has index {found.index} in layout {found.layout} (of format "
                f"{found.version}); name another target, or remove that one"
            )
        if not names and await anext(self._there(), None) is not None:
            raise BadSetting(
                f"index {self.mark.index} has no project, and {self.where} has some; see that "
                "--data is right, or remove that folder if so it shall be"
            )
        if not self._way.dry:
            await self.site.begin()
            await self.site.write(MARK, msgspec.json.encode(self.mark))
            await self.site.write(RUN, msgspec.json.encode(self.run))

    async def _check_empty(self) -> None:
        layout = self._way.layout
        for folder in (layout.root, f"{layout.root}simple", layout.files.rstrip("/")):
            if folder and await anext(self.site.names(folder.rstrip("/")), None) is not None:
                raise BadSetting(
                    f"{self.where} has {folder} already, and no export made it; name another target"
                )

    async def _list(self, listed: dict[ProjectName, int]) -> None:
        """Write the list of all projects, if it is another than is there."""
        newest = max(listed.values(), default=0)
        made = roll(sorted(listed.items()), newest)
        layout = self._way.layout
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

    async def _there(self) -> AsyncIterator[ProjectName]:
        """The projects of which the target may have something."""
        async for name in self.site.names(PROJECTS.rstrip("/")):
            try:
                yield project_name(name)
            except BadName:
                continue
