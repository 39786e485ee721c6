"""A worker of a node, put together over a folder that other workers may share."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import msgspec

from cloche import catalog
from cloche.blobs import file as file_blobs
from cloche.catalog import Catalog
from cloche.core.errors import Error
from cloche.core.index import Index, watched
from cloche.core.model import Artifact, Digest, Page, ProjectName
from cloche.core.upstreams import Freshness, Policy
from cloche.ports import Blobs, Upstream
from cloche.service.fetch import Body, Fetch
from cloche.service.files import Files
from cloche.service.forgetting import Forgetting
from cloche.service.knowledge import Knowledge
from cloche.service.reading import Reading, readers
from cloche.service.recall import Recaller
from cloche.service.roots import Roots
from cloche.service.shelf import Shelf
from cloche.service.sight import artifact_of
from cloche.service.upstream import CachedUpstream
from cloche.service.view import View
from cloche.service.within import Within
from cloche.spool import Spool
from cloche.upstreams import simple
from cloche.upstreams._offline import Offline
from tests.packages import Built

DEADLINE = 60.0
"""Seconds after which a test stops waiting."""

HELD_BACK = 64 << 10
"""Bytes at the end of a file that nobody gets before the whole is known to be right."""

BRIEF: dict[str, Any] = {"connect_timeout": 10.0, "read_timeout": 1.0, "page_timeout": 4.0}
"""An upstream's patience, for tests in which it is tried."""

PATIENT = Freshness(patience=20)
"""For tests in which news of a kept page must come, however slow this machine is."""

MAIN = {"main": Index(name="main", sources=("pypi",), uploads=True, default=True)}


@dataclass
class Clock:
    """Stands still until it is moved."""

    now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Options:
    """How a worker is to differ from a plain one that falls through to the fake upstream."""

    clock: Clock = field(default_factory=Clock)
    settings: Mapping[str, Any] = field(default_factory=dict)
    freshness: Freshness = field(default_factory=Freshness)
    offline: bool = False
    indexes: Mapping[str, Index] = field(default_factory=lambda: MAIN)
    remote: Mapping[str, Upstream] | None = None
    recall: Policy = field(default_factory=Policy)


@dataclass(frozen=True)
class Worker:
    catalog: Catalog
    blobs: Blobs
    spool: Spool
    remote: Mapping[str, Upstream]
    cached: Mapping[str, CachedUpstream]
    view: View
    shelf: Shelf
    roots: Roots
    fetch: Fetch
    files: Files
    knowledge: Knowledge

    @property
    def pypi(self) -> CachedUpstream:
        return self.cached["pypi"]

    async def page(self, project: str = "demo") -> Page:
        return (await self.pypi.page(ProjectName(project))).page

    async def artifact(self, built: Built) -> Artifact:
        """What to fetch, as the upstream's page says it now."""
        project = ProjectName(built.project)
        found = (await self.page(project)).find(built.filename)
        assert found is not None
        return artifact_of("pypi", project, found)

    async def bytes_of(self, built: Built) -> bytes:
        return await everything(await self.fetch.open(await self.artifact(built)))


class Employ(Protocol):
    """Opens a worker for as long as the test lasts."""

    def __call__(self, options: Options | None = None) -> Awaitable[Worker]: ...


@asynccontextmanager
async def worker(folder: Path, url: str, options: Options | None = None) -> AsyncIterator[Worker]:
    """Open everything that a worker has open, and close it in the end."""
    chosen = options or Options()
    stored = catalog.connect(f"sqlite:///{folder}/catalog.db")
    remote = chosen.remote or {"pypi": _connect(url, chosen)}
    made = _compose(folder, stored, remote, chosen)
    try:
        yield made
    finally:
        await made.knowledge.close()
        await made.files.within.close()
        await made.fetch.close(patience=0)
        for cached in made.cached.values():
            await cached.close()
        await stored.close()


def _connect(url: str, options: Options) -> Upstream:
    return simple.connect("pypi", simple.Settings(url=url, **options.settings))


def _compose(
    folder: Path, stored: Catalog, remote: Mapping[str, Upstream], options: Options
) -> Worker:
    clock, offline = options.clock, options.offline
    blobs = file_blobs.connect((folder / "blobs").as_uri(), {})
    spool = Spool(folder / "spool")
    if offline:
        remote = {name: Offline(name) for name in remote}
    cached = {
        name: CachedUpstream(
            each,
            stored.pages,
            stored.findings,
            spool,
            clock,
            max_files=1000,
            offline=offline,
            watched=name in watched(options.indexes),
            freshness=options.freshness,
            recall=Recaller(name, options.recall, stored.holdings, stored.recalls),
            forgetting=Forgetting(name, stored.expiry, stored.pulse),
        )
        for name, each in remote.items()
    }
    fetch = Fetch(blobs, stored.pages, spool, remote, clock)
    within = Within(fetch, remote, spool)
    knowledge = Knowledge(stored.facts, {**readers(Reading(fetch, within, blobs))}, clock)
    view = View(
        options.indexes,
        cached,
        stored.ledger,
        stored.pages,
        clock,
        knowledge=knowledge,
        absences=stored.absences,
    )
    shelf = Shelf(view, stored.ledger, stored.pulse, clock)
    roots = Roots(view, stored.ledger, stored.journal, stored.pulse)
    files = Files(view, shelf, fetch, within, blobs)
    return Worker(stored, blobs, spool, remote, cached, view, shelf, roots, fetch, files, knowledge)


async def everything(body: Body) -> bytes:
    return b"".join([chunk async for chunk in body.chunks])


async def come(body: Body) -> tuple[bytes, Error | None]:
    """What a client gets of it, and what ends it too early."""
    got = b""
    try:
        async for chunk in body.chunks:
            got += chunk
    except Error as e:
        return got, e
    return got, None


async def part(body: Body, size: int) -> bytes:
    """Read until so many bytes have come; more may have."""
    got = b""
    async with asyncio.timeout(DEADLINE):
        while len(got) < size:
            got += await anext(body.chunks)
    return got


async def until(holds: Callable[[], Awaitable[object]]) -> None:
    """Wait for something that nobody tells of."""
    async with asyncio.timeout(DEADLINE):
        while not await holds():  # noqa: ASYNC110 - nobody sets an Event
            await asyncio.sleep(0.005)


def names(page: Page) -> list[str]:
    return [file.filename for file in page.files]


def digest_of(data: bytes) -> Digest:
    return Digest(hashlib.sha256(data).hexdigest())


def listing(name: str, *files: str) -> bytes:
    """A page of a project as JSON, its files without any digest."""
    entries = [{"filename": file, "url": f"http://files/{file}", "hashes": {}} for file in files]
    return msgspec.json.encode({"meta": {"api-version": "1.0"}, "name": name, "files": entries})
