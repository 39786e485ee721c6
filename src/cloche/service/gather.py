"""Bringing ahead of need what requirements and lock files ask for.

Only pages and files of the index are asked for, as a client of it would ask: whatever the files
say of addresses leads nowhere.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from msgspec import Struct

from cloche.core.choosing import Choice, Lacking, Rules, choose
from cloche.core.errors import DigestMismatch, Error, NoSuchFile
from cloche.core.model import Digest, File, FileKey, ProjectName
from cloche.core.wants import Named, Want
from cloche.service.files import METADATA, Files, Wanted
from cloche.service.shelf import Shelf

T = TypeVar("T")


class Looked(Struct, frozen=True):
    """A project's page was read. `files` of `size` bytes are to be had of it; sizes may lack."""

    project: ProjectName
    files: int
    size: int


class Came(Struct, frozen=True):
    """So many bytes more of some file. Less than none if one had to be begun anew."""

    size: int


class Had(Struct, frozen=True):
    """A file is kept here, with its metadata. `fetched`: it was not, before."""

    project: ProjectName
    filename: str
    size: int
    fetched: bool


class Lacked(Struct, frozen=True):
    """What could not be had, and why. `filename` is None for a requirement as a whole."""

    says: str
    filename: str | None
    why: str


Event = Looked | Came | Had | Lacked
Tell = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class _Errand:
    """One file to bring. `digest` is what a lock says of it."""

    want: Want
    file: File
    digest: Digest | None


@dataclass(frozen=True, slots=True)
class _Run:
    index: str
    rules: Rules
    tell: Tell
    upstreams: list[tuple[str, ProjectName]] = field(default_factory=list)  # whose pages were read
    errands: dict[tuple[ProjectName, str], _Errand] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gather:
    shelf: Shelf
    files: Files

    async def bring(
        self, index: str, wants: Sequence[Want], rules: Rules, *, jobs: int
    ) -> AsyncGenerator[Event, None]:
        """Bring what is wanted, `jobs` pages or files at once; what cannot be had is an event.

        What was brought before is not asked for again. Whoever closes the events stops it.
        """
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        run = _Run(index, rules, events.put_nowait)
        work = asyncio.get_running_loop().create_task(self._all(run, wants, jobs))
        work.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            work.result()  # raises what nobody foresaw
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _all(self, run: _Run, wants: Sequence[Want], jobs: int) -> None:
        projects: dict[ProjectName, list[Want]] = {}
        for want in wants:
            projects.setdefault(want.project, []).append(want)
        await _each(projects.values(), jobs, lambda group: self._look(run, group))
        await _each(run.errands.values(), jobs, lambda errand: self._fetch(run, errand))
        await _each(run.upstreams, jobs, lambda source: self._check(run, *source))

    # Pages -----------------------------------------------------------------------------------

    async def _look(self, run: _Run, wants: list[Want]) -> None:
        """Read one project's page, and choose of it what each of its wants means."""
        try:
            shown = await self.shelf.get(run.index, wants[0].project)
        except Error as e:
            for want in wants:
                run.tell(Lacked(want.says, None, e.detail))
            return
        for place in shown.sight.serials:
            if place in self.files.view.upstreams:
                run.upstreams.append((place, shown.page.name))
        new: dict[tuple[ProjectName, str], _Errand] = {}
        for want in wants:
            # In a thread: a page may have thousands of names to parse.
            choice = await asyncio.to_thread(choose, shown.page, want, run.rules)
            lacking = [each for each in choice.lacking if not await self._unlisted(run, want, each)]
            for each in lacking:
                run.tell(Lacked(want.says, str(each.file) if each.file else None, each.why))
            new.update(_errands(want, choice))
        run.errands.update(new)
        sizes = sum(errand.file.size or 0 for errand in new.values())
        run.tell(Looked(shown.page.name, len(new), sizes))

    async def _unlisted(self, run: _Run, want: Want, lacking: Lacking) -> bool:
        """Whether the file is kept here, though its upstream lists it no longer."""
        named = lacking.file
        sha256 = dict(named.hashes).get("sha256") if named else None
        if named is None or named.filename is None or sha256 is None:
            return False
        try:
            wanted = await self.files.find(run.index, want.project, FileKey(sha256), named.filename)
        except Error:
            return False
        size = await self._kept(wanted)
        if size is not None:
            run.tell(Had(want.project, named.filename, size, fetched=False))
        return size is not None

    async def _check(self, run: _Run, upstream: str, project: ProjectName) -> None:
        """Without its page no file is found: that it was shown does not say that it is kept."""
        if not await self.files.view.upstreams[upstream].keeps(project):
            why = "its page could not be kept; see that there is room, and that the database works"
            run.tell(Lacked(project, None, why))

    # Files -----------------------------------------------------------------------------------

    async def _fetch(self, run: _Run, errand: _Errand) -> None:
        file, want = errand.file, errand.want
        try:
            wanted = await self._find(run, errand, file.filename)
            size = await self._kept(wanted)
            fetched = size is None
            if size is None:
                size = await self._bring(run, wanted)
            await self._same(wanted, errand)
            if file.core_metadata:
                await self._fetch_metadata(run, errand)
        except Error as e:
            run.tell(Lacked(want.says, file.filename, e.detail))
        else:
            run.tell(Had(want.project, file.filename, size, fetched))

    async def _fetch_metadata(self, run: _Run, errand: _Errand) -> None:
        beside = await self._find(run, errand, errand.file.filename + METADATA)
        if await self._kept(beside) is None:
            await self._bring(run, beside)

    async def _find(self, run: _Run, errand: _Errand, name: str) -> Wanted:
        return await self.files.find(run.index, errand.want.project, errand.file.key, name)

    async def _kept(self, wanted: Wanted) -> int | None:
        """Bytes of what is here, None if it is not."""
        if wanted.artifact is None:
            return await self.files.size(wanted)
        kept = await self.files.fetch.kept(wanted.artifact)
        return kept[1] if kept else None

    async def _bring(self, run: _Run, wanted: Wanted) -> int:
        if wanted.artifact is None:
            raise NoSuchFile(f"{wanted.filename} was uploaded here, but its bytes are gone")
        async for more in self.files.bring(wanted):
            if not wanted.filename.endswith(METADATA):
                run.tell(Came(more))
        size = await self._kept(wanted)
        if size is None:
            raise NoSuchFile(f"{wanted.filename} has come, and is gone again; try once more")
        return size

    async def _same(self, wanted: Wanted, errand: _Errand) -> None:
        """Hold the bytes against the lock's digest, where the page lists none that would do it."""
        if errand.digest is None or wanted.artifact is None or errand.file.sha256:
            return
        kept = await self.files.fetch.kept(wanted.artifact)
        if kept is not None and kept[0] != errand.digest:
            raise DigestMismatch("its bytes are not those that are asked for (sha256 differs)")


def _errands(want: Want, choice: Choice) -> Iterator[tuple[tuple[ProjectName, str], _Errand]]:
    named: dict[str | None, Named] = {each.filename: each for each in want.files}
    for file in choice.files:
        said = named.get(file.filename)
        sha256 = dict(said.hashes).get("sha256") if said else None
        digest = Digest(sha256) if sha256 else None
        yield (want.project, file.filename), _Errand(want, file, digest)


async def _each(items: Iterable[T], jobs: int, work: Callable[[T], Awaitable[None]]) -> None:
    """Do the work for each item, so many at once."""
    left = iter(items)

    async def worker() -> None:
        for item in left:
            await work(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(jobs):
            group.create_task(worker())
