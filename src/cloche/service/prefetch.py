"""Guessing what a client will ask next, so that a cold installation does not wait for it.

Who asks for a project's page will ask for the metadata of its newest wheel; who reads metadata
will ask for the pages of the dependencies, and then for the file itself. An upstream that says
beside a page what its project requires saves half of these round trips. A guess costs the
upstream a request that may turn out useless: only what the guess follows from is read, each
thing once, few at a time, and nothing larger than a bound.
"""

import asyncio
import re
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from packaging.markers import Marker

from cloche.core.entries import QUARANTINED
from cloche.core.errors import BadName, Error
from cloche.core.filenames import brief
from cloche.core.model import File, Page, ProjectName, project_name
from cloche.logs import Log
from cloche.service.files import METADATA, Files, Wanted, metadata_of
from cloche.service.foresight import Foresight
from cloche.service.growing import SMALL
from cloche.service.shelf import Shelf, Shown

log = Log(__name__)

AT_ONCE = 48  # pages, and as many metadata files
FILES_AT_ONCE = 56  # small ones, at leisure; clients' own must find connections too
LARGE_AT_ONCE = 2  # they must not take the line from the pages that a resolver waits for
MAX_WAITING = 500
MAX_REMEMBERED = 20_000
MAX_METADATA = 1 << 20  # bytes that are worth parsing for a guess
MAX_REQUIRED = 1000  # dependencies of one file
NEWEST = 40  # files at the end of a page among which its newest wheel is sought


def nobody(_: str) -> None:
    """Who counts no guesses."""


@dataclass
class Prefetch:
    """Follows what clients read. Every method returns at once and never raises."""

    shelf: Shelf
    files: Files
    max_file_bytes: int  # 0 turns the guessing off
    guessed: Callable[[str], None] = nobody  # told what each guess is after
    foresight: Foresight = field(default_factory=lambda: Foresight({}))
    unruled: frozenset[str] = frozenset()  # upstreams of which no rule can withhold anything
    _seen: OrderedDict[Hashable, None] = field(default_factory=OrderedDict)
    _readers: dict[ProjectName, Counter[str]] = field(default_factory=dict)  # by index
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _page_turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _file_turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(FILES_AT_ONCE))
    _large_turns: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(LARGE_AT_ONCE)
    )

    @contextmanager
    def reading(self, index: str, project: ProjectName) -> Iterator[None]:
        """Somebody waits for the project's page in the index, not for a file of it alone."""
        self._readers.setdefault(project, Counter())[index] += 1
        try:
            yield
        finally:
            left = self._readers.pop(project) - Counter([index])
            if left:
                self._readers[project] = left

    def page_asked(self, upstream: str, project: ProjectName) -> None:
        """A page is asked for that was never here: ask meanwhile what its project requires."""
        readers = tuple(self._readers.get(project, ()))
        if readers and self.max_file_bytes and self.foresight.may(upstream):
            key = ("requirements", upstream, project)
            self._start(key, lambda: self._foresee(upstream, project, readers))

    def page_came(self, upstream: str, page: Page) -> None:
        """A page has come that is not kept yet: ask for its newest wheel's metadata meanwhile."""
        if upstream not in self.unruled or not self.max_file_bytes or page.status == QUARANTINED:
            return
        if page.name not in self._readers:
            return
        file = newest_wheel(page)
        if file is not None and file.core_metadata:
            key = ("metadata", file.key, file.filename)
            self._start(key, lambda: self._fetch_metadata(upstream, page.name, file))

    def page_read(self, shown: Shown) -> None:
        """A client reads this page: fetch its newest wheel's metadata, and what that names."""
        if shown.sight.hosted or not self.max_file_bytes:
            return
        key = ("page", shown.index, shown.page.name)
        self._start(key, lambda: self._follow_page(shown))

    def metadata_read(self, index: str, project: ProjectName, wanted: Wanted) -> None:
        """A client reads this metadata: fetch the file that it is of."""
        if wanted.artifact is None or not self.max_file_bytes:
            return
        artifact = wanted.artifact
        self._start(
            ("file", artifact.key),
            lambda: self._fetch_file(index, project, artifact.filename.removesuffix(METADATA)),
        )

    async def close(self) -> None:
        """Stop guessing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, key: Hashable, work: Callable[[], Awaitable[None]]) -> None:
        if key in self._seen or len(self._tasks) >= MAX_WAITING:
            return
        self._note(key)
        task = asyncio.get_running_loop().create_task(self._work(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _note(self, key: Hashable) -> None:
        self._seen[key] = None
        if len(self._seen) > MAX_REMEMBERED:
            self._seen.popitem(last=False)

    async def _work(self, work: Callable[[], Awaitable[None]]) -> None:
        with suppress(Error):  # a guess that fails costs nobody anything
            await work()

    async def _follow_page(self, shown: Shown) -> None:
        file = newest_wheel(shown.page)
        if file is None or not file.core_metadata:
            return
        if ("metadata", file.key, file.filename) not in self._seen:
            self.guessed("metadata")
        raw = await self._read(shown.index, shown.page.name, file)
        self._look_at_all(shown.index, dependencies(raw))

    async def _read(self, index: str, project: ProjectName, file: File) -> bytes:
        async with self._turns:
            wanted = await self.files.find(index, project, file.key, file.filename + METADATA)
            body = await self.files.open(wanted, 0, MAX_METADATA)
            return b"".join([chunk async for chunk in body.chunks])

    async def _foresee(self, upstream: str, project: ProjectName, readers: tuple[str, ...]) -> None:
        self.guessed("requirements")
        requirements = await self.foresight.requirements(upstream, project)
        if requirements is None:
            return
        for index in readers:
            if upstream in self.unruled:  # its metadata is asked for as it comes: read it no more
                self._note(("page", index, project))
            self._look_at_all(index, named(requirements))

    async def _fetch_metadata(self, upstream: str, project: ProjectName, file: File) -> None:
        self.guessed("metadata")
        artifact, _ = metadata_of(upstream, project, file)
        async with self._turns:
            body = await self.files.fetch.open(artifact, 0, MAX_METADATA)
            async for _ in body.chunks:
                pass

    def _look_at_all(self, index: str, names: Iterable[ProjectName]) -> None:
        for name in names:
            key = ("dependency", index, name)
            self._start(key, lambda name=name: self._look_at(index, name))  # type: ignore[misc]  # a default binds it

    async def _look_at(self, index: str, project: ProjectName) -> None:
        self.guessed("page")
        async with self._page_turns:
            with self.reading(index, project):
                shown = await self.shelf.get(index, project)
        self.page_read(shown)

    async def _fetch_file(self, index: str, project: ProjectName, filename: str) -> None:
        shown = self.shelf.peek(index, project)
        file = shown.page.find(filename) if shown else None
        if file is None or file.size is None or file.size > self.max_file_bytes:
            return
        self.guessed("file")
        async with self._file_turns if file.size <= SMALL else self._large_turns:
            wanted = await self.files.find(index, project, file.key, filename)
            if wanted.artifact is not None:
                async for _ in self.files.fetch.bring(wanted.artifact, hurried=False):
                    pass


def newest_wheel(page: Page) -> File | None:
    """The wheel that an installer with no special wishes would look at, as far as one can tell."""
    wheels = [
        (version, file)
        for file in page.files[-NEWEST:]
        if file.filename.endswith(".whl") and not file.yanked
        if (version := brief(file.filename).version) and not version.is_prerelease
    ]
    return max(wheels, key=lambda pair: pair[0])[1] if wheels else None


def dependencies(raw: bytes) -> list[ProjectName]:
    """The projects that metadata requires here, without any extra.

    No more than a guess needs is read: all of it takes 1 ms, and a wrong guess harms nobody.
    """
    head = _BODY.split(raw, maxsplit=1)[0].decode(errors="replace")
    return named(line[1] for line in islice(_REQUIRES.finditer(head), MAX_REQUIRED))


def named(requirements: Iterable[str]) -> list[ProjectName]:
    """The projects that requirements name, each once, without those of any extra."""
    return list(dict.fromkeys(_named(requirements)))


_BODY = re.compile(rb"\r?\n\r?\n")
_REQUIRES = re.compile(
    r"^Requires-Dist:[ \t]*([^\r\n]{1,1200})", re.MULTILINE | re.IGNORECASE | re.ASCII
)
_REQUIREMENT = re.compile(
    r"([A-Z0-9._-]{1,200})[^;]{0,1000}(?:;(.{1,1000}))?", re.IGNORECASE | re.ASCII
)


def _named(requirements: Iterable[str]) -> Iterator[ProjectName]:
    for requirement in requirements:
        with suppress(BadName, ValueError, RecursionError):
            found = _REQUIREMENT.match(requirement)
            if found and (not found[2] or _applies(found[2])):
                yield project_name(found[1])


@lru_cache(maxsize=1024)
def _applies(marker: str) -> bool:
    return Marker(marker.strip()).evaluate({"extra": ""})
