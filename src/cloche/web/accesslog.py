"""The access journal's pen: what is fetched is noted at once, and written in batches behind.

No response waits for it. What cannot be written is tried again; beyond a bound it is dropped and
counted, for a disk that is full must not fill the memory as well.
"""

import asyncio
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from prometheus_client import Counter
from starlette.requests import Request

from cloche.core.agents import client
from cloche.core.errors import BadName, Error
from cloche.core.filenames import parse
from cloche.core.index import Index
from cloche.core.model import BESIDE, Digest, ProjectName
from cloche.logs import Log
from cloche.ports import Accesses, Clock, Fetched
from cloche.service.files import Wanted

log = Log(__name__)

FLUSH_AFTER = 1.0  # seconds
MAX_WAITING = 50_000  # entries
BATCH = 5000  # entries of one transaction

DROPPED = Counter("cloche_access_dropped", "Entries of the access journal that were not written")


Named = tuple[ProjectName | None, str, Digest | None]
"""The project of an upstream's file, its name, and its bytes."""


class Noted(NamedTuple):
    """All but the time: the same again within a batch is the same fetch."""

    place: str
    project: ProjectName | None
    filename: str
    digest: Digest | None
    who: str | None
    address: str | None
    agent: str


class AccessLog:
    """`accesses` is None where no journal is kept."""

    def __init__(self, accesses: Accesses | None, clock: Clock, *, addresses: bool) -> None:
        self._accesses = accesses
        self._clock = clock
        self._addresses = addresses
        self._waiting: dict[Noted, datetime] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def fetched(self, request: Request, index: Index, wanted: Wanted, who: str | None) -> None:
        """Note that the beginning of a distribution is being sent.

        What lies beside one is not noted, nor the rest of a download that is resumed.
        """
        if wanted.filename.endswith(BESIDE):
            return
        artifact = wanted.artifact
        digest = artifact.sha256 if artifact else wanted.digest
        named = artifact.project if artifact else None, wanted.filename, digest
        host = request.client.host if request.client else None
        self.note(self.noted(index.name, named, who, host, request.headers.get("user-agent", "")))

    def noted(
        self, place: str, named: Named, who: str | None, host: str | None, agent: str
    ) -> Noted:
        """What the journal is to have of a distribution that is sent."""
        return Noted(place, *named, who, host if self._addresses else None, agent)

    def note(self, noted: Noted) -> None:
        """Note it, once within a moment: who asks again and again fills no disk."""
        if self._accesses is None:
            return
        if len(self._waiting) < MAX_WAITING:
            self._waiting.setdefault(noted, self._clock())
        else:
            DROPPED.inc()
        if self._timer is None and self._task is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER, self._begin)

    async def close(self) -> None:
        """Write what is left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            await self._task
        await self._write()
        if self._waiting:
            DROPPED.inc(len(self._waiting))

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        self._task = loop.create_task(self._write())
        self._task.add_done_callback(self._done)

    def _done(self, _: asyncio.Task[None]) -> None:
        self._task = None
        if self._waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER, self._begin)

    async def _write(self) -> None:
        """Write all that waits, or until it cannot be."""
        while self._waiting and self._accesses is not None:
            batch = list(islice(self._waiting.items(), BATCH))
            try:
                await self._accesses.add(await asyncio.to_thread(_entries, batch))
            except Error as e:
                log.warning("the access journal is not written", error=e.detail)
                return
            for noted, _ in batch:
                del self._waiting[noted]


def _entries(batch: list[tuple[Noted, datetime]]) -> list[Fetched]:
    return [_entry(noted, at) for noted, at in batch]


def _entry(noted: Noted, at: datetime) -> Fetched:
    project, version = _named(noted.filename)
    return Fetched(
        at=at,
        index=noted.place,
        project=noted.project or project,
        version=version,
        filename=noted.filename,
        digest=noted.digest,
        who=noted.who,
        address=noted.address,
        client=client(noted.agent),
    )


@lru_cache(maxsize=4096)
def _named(filename: str) -> tuple[ProjectName, str | None]:
    """What a filename tells: of uploads always the project."""
    try:
        named = parse(filename)
    except BadName:
        return ProjectName(""), None
    return named.project, str(named.version)
