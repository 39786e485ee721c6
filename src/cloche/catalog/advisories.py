"""What feeds say against versions of projects, and what they came to."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import msgspec
from sqlalchemy import (
    BindParameter,
    Connection,
    bindparam,
    delete,
    insert,
    select,
    union,
    update,
)

from cloche.catalog.database import Database
from cloche.catalog.journal import record
from cloche.catalog.schema import advisories, feeds, pages, uploads
from cloche.core.advisories import Advisory
from cloche.core.journal import Change
from cloche.core.model import Digest, ProjectName
from cloche.ports import Bulletin, FeedState

AT_ONCE = 500  # values in one statement: SQLite takes some thousand parameters
MOST_IDS = 20  # of advisories, in an entry of the journal

_SERVER = "cloche"  # in the journal: nobody asked for it


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SqlAdvisories:
    database: Database

    async def of(self, feeds: Sequence[str], project: ProjectName) -> tuple[Advisory, ...] | None:
        return await self.database.to_reader(self._of, feeds, project)

    async def feed(self, name: str) -> FeedState | None:
        return await self.database.to_reader(self._feed, name)

    async def documents(self, feed: str) -> set[Digest]:
        return await self.database.to_reader(self._documents, feed)

    async def add(
        self, feed: str, told: Sequence[Bulletin], at: datetime, places: Sequence[str]
    ) -> None:
        for batch in _batches(told):
            await self.database.to_writer(self._add, feed, batch, at, places)

    async def remove(
        self, feed: str, documents: Collection[Digest], at: datetime, places: Sequence[str]
    ) -> None:
        for batch in _batches(documents):
            await self.database.to_writer(self._remove, feed, batch, at, places)

    async def loaded(self, state: FeedState) -> None:
        await self.database.to_writer(self._loaded, state)

    def _of(self, feeds: Sequence[str], project: ProjectName) -> tuple[Advisory, ...] | None:
        with self.database.reading() as connection:
            # In this order: what is loaded was added before.
            known = connection.execute(_LOADED, {"feeds": feeds}).scalars().all()
            if set(known) != set(feeds):
                return None
            rows = connection.execute(_OF, {"feeds": feeds, "project": project}).scalars()
            return tuple(_DECODER.decode(row) for row in rows)

    def _feed(self, name: str) -> FeedState | None:
        with self.database.reading() as connection:
            row = connection.execute(_FEED, {"of_name": name}).one_or_none()
        return None if row is None else FeedState(**row._asdict())

    def _documents(self, feed: str) -> set[Digest]:
        with self.database.reading() as connection:
            return set(connection.execute(_DOCUMENTS, {"feed": feed}).scalars())

    def _add(self, feed: str, batch: list[Bulletin], at: datetime, places: Sequence[str]) -> None:
        asked = {"feed": feed, "documents": [each.document for each in batch]}
        with self.database.writing(lasting=False) as connection:
            # Another node may have loaded the same.
            there = set(connection.execute(_THERE, asked).scalars())
            new = [each for each in batch if each.document not in there]
            rows = [row for each in new for row in _rows(feed, each)]
            if rows:
                connection.execute(_ADD, rows)
                changed = [(name, one.id) for each in new for name, one in each.about.items()]
                _journal(connection, feed, changed, at, places)

    def _remove(self, feed: str, batch: list[Digest], at: datetime, places: Sequence[str]) -> None:
        asked = {"feed": feed, "documents": batch}
        with self.database.writing(lasting=False) as connection:
            rows = connection.execute(_ABOUT, asked).all()
            changed = [(ProjectName(row.project), _DECODER.decode(row.advisory).id) for row in rows]
            connection.execute(_REMOVE, asked)
            _journal(connection, feed, changed, at, places)

    def _loaded(self, state: FeedState) -> None:
        row = msgspec.structs.asdict(state)
        with self.database.writing(lasting=False) as connection:
            if connection.execute(_SET, {**row, "of_name": state.name}).rowcount == 0:
                connection.execute(_NEW, row)


def place(feed: str) -> str:
    """What the journal calls it. No index can have that name."""
    return f"+advisories/{feed}"


def _journal(
    connection: Connection,
    feed: str,
    changed: Iterable[tuple[ProjectName, str]],
    at: datetime,
    places: Sequence[str],
) -> None:
    """An entry for each project of which a page may be shown: 20,000 others need none."""
    ids: dict[ProjectName, list[str]] = {}
    for project, advisory in changed:
        ids.setdefault(project, []).append(advisory)
    for project in _known(connection, list(ids), places):
        detail = {"advisories": sorted(ids[project])[:MOST_IDS]}
        record(
            connection,
            Change.ADVISORIES_CHANGED,
            at=at,
            who=_SERVER,
            detail=detail,
            place=place(feed),
            project=project,
        )


def _known(
    connection: Connection, projects: list[ProjectName], places: Sequence[str]
) -> Iterator[ProjectName]:
    for batch in _batches(projects):
        found = connection.execute(_KNOWN, {"places": places, "projects": batch}).scalars()
        yield from sorted(map(ProjectName, found))


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(items)
    while batch := list(islice(remaining, AT_ONCE)):
        yield batch


def _rows(feed: str, told: Bulletin) -> Iterator[dict[str, Any]]:
    for project, advisory in told.about.items():
        said = msgspec.json.encode(advisory).decode()
        yield {
            "feed": feed, "document": told.document, "project": project, "advisory": said,
        }  # fmt: skip


_DECODER = msgspec.json.Decoder(Advisory)

# Statements are made once: making one takes 60 µs, executing it 20.

_FEEDS: BindParameter[Sequence[str]] = bindparam("feeds", expanding=True)
_IN = (
    advisories.c.feed == bindparam("feed"),
    advisories.c.document.in_(bindparam("documents", expanding=True)),
)
_LOADED = select(feeds.c.name).where(feeds.c.name.in_(_FEEDS))
_OF = (
    select(advisories.c.advisory)
    .where(advisories.c.project == bindparam("project"), advisories.c.feed.in_(_FEEDS))
    .order_by(advisories.c.feed, advisories.c.document)
)
_FEED = select(feeds).where(feeds.c.name == bindparam("of_name"))
_DOCUMENTS = select(advisories.c.document).where(advisories.c.feed == bindparam("feed"))
_THERE = select(advisories.c.document).where(*_IN)
_ABOUT = select(advisories.c.project, advisories.c.advisory).where(*_IN)
_REMOVE = delete(advisories).where(*_IN)
_ADD = insert(advisories)
_NEW = insert(feeds)
_SET = (
    update(feeds)
    .where(feeds.c.name == bindparam("of_name"))
    .values({column.name: bindparam(column.name) for column in feeds.c if column.name != "name"})
)
_PLACES: BindParameter[Sequence[str]] = bindparam("places", expanding=True)
_PROJECTS: BindParameter[Sequence[str]] = bindparam("projects", expanding=True)
_KNOWN = union(
    select(pages.c.project).where(pages.c.upstream.in_(_PLACES), pages.c.project.in_(_PROJECTS)),
    select(uploads.c.project).where(
        uploads.c.index_name.in_(_PLACES), uploads.c.project.in_(_PROJECTS)
    ),
)
