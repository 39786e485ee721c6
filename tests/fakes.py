"""The ports, in memory: real in what they promise, and never in the way."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeVar

from msgspec.structs import replace

from cloche.core import backfill
from cloche.core.errors import FileExists, NoSuchBlob, NoSuchFile, NoSuchProject, UpstreamDown
from cloche.core.index import Ways
from cloche.core.journal import Event
from cloche.core.model import Artifact, Digest, FileKey, Held, ProjectName, Upload
from cloche.ports import (
    NO_DETAIL,
    Changes,
    Document,
    Entry,
    Kept,
    Opening,
    Own,
    Received,
    Spooled,
    Stored,
    Survey,
    Transfer,
)

T = TypeVar("T")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def now() -> datetime:
    """A clock that stands still."""
    return NOW


@dataclass
class FakeJournal:
    """Numbers every change; the pulse that beats with it."""

    changed: list[tuple[str, ProjectName]] = field(default_factory=list)

    def enter(self, place: str, project: ProjectName) -> int:
        self.changed.append((place, project))
        return len(self.changed)

    def last(self, place: str, project: ProjectName) -> int:
        numbered = enumerate(self.changed, 1)
        return max((n for n, entry in numbered if entry == (place, project)), default=0)

    def beat(self) -> int:
        return len(self.changed)

    async def settle(self) -> None:
        pass


@dataclass
class FakeLedger:
    journal: FakeJournal
    uploads: list[Upload] = field(default_factory=list)

    async def publish(self, upload: Upload, detail: Mapping[str, Any] = NO_DETAIL) -> bool:  # noqa: ARG002 - nobody asks a fake for it
        place = (upload.index, upload.filename)
        before = next((u for u in self.uploads if (u.index, u.filename) == place), None)
        if before is not None and before.digest == upload.digest:
            return False
        if before is not None:
            raise FileExists(f"{upload.filename} is taken by other bytes")
        self.uploads.append(upload)
        self.journal.enter(upload.index, upload.project)
        return True

    async def own(self, index: str, project: ProjectName) -> Own:
        try:
            uploads = tuple(await self.files(index, project))
            return Own(uploads=uploads, serial=self.journal.last(index, project))
        except NoSuchProject:
            return Own(uploads=None)

    async def files(self, index: str, project: ProjectName) -> list[Upload]:
        found = [u for u in self.uploads if (u.index, u.project) == (index, project)]
        if not found:
            raise NoSuchProject(f"index {index} has no project {project}")
        return found

    async def projects(self, index: str) -> list[ProjectName]:
        return sorted({u.project for u in self.uploads if u.index == index})

    async def admitted(self, index: str, now: datetime) -> dict[ProjectName, datetime]:  # noqa: ARG002 - nothing is
        return {}

    async def changes(self, since: int) -> Changes:
        entries = enumerate(self.journal.changed, 1)
        named = {entry: serial for serial, entry in entries if serial > since}
        return Changes(len(self.journal.changed), named)


@dataclass
class FakeHistory:
    """The journal of uploads alone."""

    ledger: FakeLedger

    async def newest(self, places: Sequence[str]) -> int:
        return max((entry.serial for entry in self._all(places)), default=0)

    async def events(self, places: Sequence[str], since: int, most: int) -> list[Event]:
        return [entry for entry in self._all(places) if entry.serial > since][:most]

    async def before(self, at: datetime) -> int:
        return len(self.ledger.journal.changed) if at > NOW else 0

    async def uploaded_by(self, places: Sequence[str], who: str) -> list[ProjectName]:
        found = self.ledger.uploads
        return sorted({u.project for u in found if u.index in places and u.uploaded_by == who})

    async def openings(self, places: Sequence[str], of: Opening, most: int) -> list[Event]:
        begun = [e for e in self._all(places) if getattr(e, f"opens_{of}")]
        return begun[::-1][:most]

    async def standings(
        self, ways: Ways, projects: Collection[ProjectName]
    ) -> dict[ProjectName, int | None]:
        listed = await self.survey(ways, dict)
        return {project: listed.get(project) for project in projects}

    async def survey(self, ways: Ways, take: Callable[[Survey], T]) -> T:
        places = ways.places
        shown = {u.project for u in self.ledger.uploads if u.index in places}
        last = {entry.project: entry.serial for entry in self._all(places)}
        return take((name, last[name]) for name in sorted(shown))

    def _all(self, places: Sequence[str]) -> list[Event]:
        return [
            Event(
                serial=serial,
                at=NOW,
                who="test",
                action="file uploaded",
                place=place,
                project=project,
                opens_project=(place, project) not in self.ledger.journal.changed[: serial - 1],
            )
            for serial, (place, project) in enumerate(self.ledger.journal.changed, 1)
            if place in places
        ]


@dataclass
class FakeEntries:
    """What the journal has beside files."""

    of: dict[tuple[str, ProjectName], list[Entry]] = field(default_factory=dict)

    async def journal(self, index: str, project: ProjectName, since: int, most: int) -> list[Entry]:
        found = self.of.get((index, project), [])
        return [entry for entry in found if entry.serial > since][:most]


@dataclass
class FakePages:
    journal: FakeJournal
    kept: dict[tuple[str, ProjectName], Kept] = field(default_factory=dict)
    files: dict[tuple[str, FileKey, str], Held] = field(default_factory=dict)

    async def recall(self, upstream: str, project: ProjectName) -> Kept | None:
        return self.kept.get((upstream, project))

    async def keep(self, upstream: str, project: ProjectName, kept: Kept) -> int:
        serial = self.journal.enter(upstream, project)
        self.kept[upstream, project] = replace(kept, serial=serial)
        return serial

    async def touch(
        self, upstream: str, project: ProjectName, checked_at: datetime, fresh_until: datetime
    ) -> None:
        kept = self.kept[upstream, project]
        self.kept[upstream, project] = replace(kept, checked_at=checked_at, fresh_until=fresh_until)

    async def gone(self, upstream: str, project: ProjectName, at: datetime) -> None:  # noqa: ARG002 - the port's
        if self.kept.pop((upstream, project), None) is not None:
            self.journal.enter(upstream, project)

    async def projects(self, upstream: str) -> list[ProjectName]:
        return sorted(project for name, project in self.kept if name == upstream)

    async def hold(self, held: Held, *, news: bool = False) -> None:
        if news and self.files.get((held.upstream, held.key, held.filename)) != held:
            self.journal.enter(held.upstream, held.project)
        self.files[held.upstream, held.key, held.filename] = held

    async def held(self, upstream: str, key: FileKey, filename: str) -> Held | None:
        return self.files.get((upstream, key, filename))


@dataclass
class FakeHoldings:
    pages: FakePages

    async def files(self, upstream: str, project: ProjectName) -> list[Held]:
        held = self.pages.files.values()
        return [each for each in held if (each.upstream, each.project) == (upstream, project)]

    async def projects(self, upstream: str) -> list[ProjectName]:
        return sorted(
            {each.project for each in self.pages.files.values() if each.upstream == upstream}
        )


@dataclass
class FakeFindings:
    pages: FakePages
    times: dict[tuple[str, ProjectName], dict[str, datetime]] = field(default_factory=dict)

    async def kept(self, upstream: str, project: ProjectName) -> backfill.Kept:
        held = [
            h for h in self.pages.files.values() if (h.upstream, h.project) == (upstream, project)
        ]
        return {(h.key, h.filename): backfill.Bytes(h.digest, h.size) for h in held}

    async def seen(self, upstream: str, project: ProjectName) -> backfill.Seen:
        return self.times.get((upstream, project), {})

    async def see(
        self, upstream: str, project: ProjectName, sightings: Collection[str], at: datetime
    ) -> None:
        times = self.times.setdefault((upstream, project), {})
        times |= {each: at for each in sightings if each not in times}


@dataclass
class FakeBlobs:
    content: dict[Digest, bytes] = field(default_factory=dict)

    def add(self, data: bytes) -> Digest:
        """Keep bytes that no upload brought."""
        name = Digest(sha256(data).hexdigest())
        self.content[name] = data
        return name

    async def put(self, spooled: Spooled, *, lasting: bool = True) -> None:  # noqa: ARG002 - the port's
        self.content[spooled.digest] = spooled.path.read_bytes()
        spooled.path.unlink()

    async def keep(self, contents: Mapping[Digest, bytes], *, lasting: bool = True) -> None:  # noqa: ARG002 - the port's
        self.content |= contents

    async def size(self, digest: Digest) -> int | None:
        return len(self.content[digest]) if digest in self.content else None

    async def read(self, digest: Digest, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        if digest not in self.content:
            raise NoSuchBlob(f"no blob {digest}")
        data = self.content[digest][start:stop]
        for at in range(0, len(data), 1 << 16):
            yield data[at : at + (1 << 16)]

    async def delete(self, digest: Digest, *, before: datetime | None = None) -> bool:  # noqa: ARG002 - the port's
        self.content.pop(digest, None)
        return True

    async def list(self) -> AsyncIterator[Stored]:
        for digest, data in list(self.content.items()):
            yield Stored(digest, len(data), NOW)

    async def check(self) -> None:
        pass


@dataclass
class FakeUpstream:
    """Pages by project and files by URL. What is not there is absent; `down` is unreachable."""

    name: str = "pypi"
    pages: dict[ProjectName, Document] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    down: bool = False
    asked: list[ProjectName] = field(default_factory=list)

    async def page(self, project: ProjectName, etag: str | None) -> Received:  # noqa: ARG002 - the port's
        self.asked.append(project)
        self._reach()
        if project not in self.pages:
            raise NoSuchProject(f"{self.name} has no project {project}")
        return Received(document=self.pages[project], etag=None, max_age=600)

    @asynccontextmanager
    async def transfer(
        self,
        artifact: Artifact,
        start: int,
        etag: str | None,  # noqa: ARG002 - the port's
    ) -> AsyncIterator[Transfer]:
        self._reach()
        if artifact.url not in self.files:
            raise NoSuchFile(f"{self.name} has no file {artifact.filename}")
        data = self.files[artifact.url]
        yield Transfer(start=start, total=len(data), etag=None, chunks=_chunks(data[start:]))

    async def close(self) -> None:
        pass

    def _reach(self) -> None:
        if self.down:
            raise UpstreamDown(f"{self.name} cannot be reached")


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data
