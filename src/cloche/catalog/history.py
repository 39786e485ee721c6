"""The journal as it is read: what changed since, what began lately, how projects stand."""

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    exists,
    func,
    select,
)

from cloche.catalog.database import AnyRow, Database
from cloche.catalog.engine import is_sqlite
from cloche.catalog.schema import journal, pages, policies, uploads
from cloche.core.index import Ways
from cloche.core.journal import Change, Event, Standing, decided
from cloche.core.model import ProjectName
from cloche.ports import Opening, Survey

T = TypeVar("T")

AT_ONCE = 500  # names in one statement: SQLite takes some thousand parameters


@dataclass(frozen=True, slots=True)
class SqlJournal:
    database: Database

    async def newest(self, places: Sequence[str]) -> int:
        return await self.database.to_reader(self._newest, places)

    async def events(self, places: Sequence[str], since: int, most: int) -> list[Event]:
        asked = {"places": places, "since": since, "most": most}
        return await self.database.to_reader(self._events, _EVENTS, asked)

    async def before(self, at: datetime) -> int:
        return await self.database.to_reader(self._before, at)

    async def uploaded_by(self, places: Sequence[str], who: str) -> list[ProjectName]:
        return await self.database.to_reader(self._uploaded_by, places, who)

    async def openings(self, places: Sequence[str], of: Opening, most: int) -> list[Event]:
        asked = {"places": places, "most": most}
        return await self.database.to_reader(self._events, _OPENINGS[of], asked)

    async def standings(
        self, ways: Ways, projects: Collection[ProjectName]
    ) -> dict[ProjectName, int | None]:
        return await self.database.to_reader(self._standings, ways, list(projects))

    async def survey(self, ways: Ways, take: Callable[[Survey], T]) -> T:
        return await self.database.to_reader(self._survey, ways, take)

    def _newest(self, places: Sequence[str]) -> int:
        with self.database.reading() as connection:
            newest = connection.execute(_NEWEST, {"places": places}).scalar() or 0
            return max(newest, *_ruled(connection, places).values(), 0)

    def _before(self, at: datetime) -> int:
        with self.database.reading() as connection:
            return connection.execute(_BEFORE, {"at": at}).scalar() or 0

    def _uploaded_by(self, places: Sequence[str], who: str) -> list[ProjectName]:
        with self.database.reading() as connection:
            found = connection.execute(_UPLOADED_BY, {"places": places, "who": who}).scalars()
            return sorted(map(ProjectName, found))

    def _events(self, query: Select[Any], asked: dict[str, Any]) -> list[Event]:
        with self.database.reading() as connection:
            return [Event(**row._asdict()) for row in connection.execute(query, asked)]

    def _standings(self, ways: Ways, projects: list[ProjectName]) -> dict[ProjectName, int | None]:
        found: dict[ProjectName, list[Standing]] = {project: [] for project in projects}
        with self.database.reading() as connection:
            for place in ways.places:
                for standing in _some(connection, place, projects):
                    found[standing.project].append(standing)
            ruled = _ruled(connection, ways.places)
        return {
            project: decided(ways, project, standings, ruled)
            for project, standings in found.items()
        }

    def _survey(self, ways: Ways, take: Callable[[Survey], T]) -> T:
        name = attrgetter("project")
        with self.database.reading() as connection:
            ruled = _ruled(connection, ways.places)
            merged = heapq.merge(*(_all(connection, place) for place in ways.places), key=name)
            listed = (
                (project, serial)
                for project, standings in groupby(merged, key=name)
                if (serial := decided(ways, project, standings, ruled)) is not None
            )
            return take(listed)


def _some(connection: Connection, place: str, projects: list[ProjectName]) -> Iterator[Standing]:
    for start in range(0, len(projects), AT_ONCE):
        asked = {"place": place, "projects": projects[start : start + AT_ONCE]}
        yield from _read(place, connection.execute(_SOME, asked))


def _all(connection: Connection, place: str) -> Iterator[Standing]:
    """Sorted by character, which PostgreSQL's own order may not be; read as it is wanted."""
    project = journal.c.project
    query = _ALL.order_by(project if is_sqlite(connection.engine) else project.collate("C"))
    options = {"stream_results": True, "yield_per": 1000}
    return _read(place, connection.execute(query, {"place": place}, execution_options=options))


def _read(place: str, rows: Iterable[AnyRow]) -> Iterator[Standing]:
    return (
        Standing(place, row.project, row.serial, owned=bool(row.owned), shown=bool(row.shown))
        for row in rows
    )


def _ruled(connection: Connection, places: Sequence[str]) -> dict[str, int]:
    """Since when indexes have the rules that they have."""
    rows = connection.execute(_RULED, {"places": places})
    return {row.index_name: row.serial for row in rows}


# Statements are made once: making one takes 60 µs, executing it 20.

_RULED = (
    select(policies.c.index_name, func.max(policies.c.serial).label("serial"))
    .where(policies.c.index_name.in_(bindparam("places", expanding=True)))
    .group_by(policies.c.index_name)
)

# Not the bare column: SQLite would gather all entries of the places by its index, and sort them.
_THERE = func.coalesce(journal.c.place, "").in_(bindparam("places", expanding=True))
_NAMED = journal.c.project.is_not(None)
_NEWEST = select(journal.c.serial).where(_THERE, _NAMED).order_by(journal.c.serial.desc()).limit(1)
# Serials follow time: this looks at no more entries than are younger.
_BEFORE = (
    select(journal.c.serial)
    .where(journal.c.at < bindparam("at"))
    .order_by(journal.c.serial.desc())
    .limit(1)
)
_UPLOADED_BY = (
    select(journal.c.project)
    .where(_THERE, journal.c.who == bindparam("who"))
    .where(journal.c.action == Change.FILE_UPLOADED.value)
    .distinct()
)

_earlier = journal.alias("earlier")


def _opens(*columns: str) -> ColumnElement[bool]:
    """No earlier entry has the same in these columns."""
    same = (_earlier.c[column] == journal.c[column] for column in columns)
    return ~exists().where(*same, _earlier.c.serial < journal.c.serial)


_OPENS_PROJECT = _opens("place", "project")
_OPENS_VERSION = and_(journal.c.version.is_not(None), _opens("place", "project", "version"))
_EVENT = select(
    *(
        journal.c[column]
        for column in ("serial", "at", "who", "action", "place", "project", "version", "filename")
    ),
    _OPENS_PROJECT.label("opens_project"),
    _OPENS_VERSION.label("opens_version"),
).where(_THERE, _NAMED)
_EVENTS = (
    _EVENT.where(journal.c.serial > bindparam("since"))
    .order_by(journal.c.serial)
    .limit(bindparam("most"))
)
_BEGUN = (
    _EVENT.where(journal.c.action.in_([Change.FILE_UPLOADED.value, Change.PAGE_CHANGED.value]))
    .order_by(journal.c.serial.desc())
    .limit(bindparam("most"))
)
_OPENINGS: dict[Opening, Select[Any]] = {
    "project": _BEGUN.where(_OPENS_PROJECT),
    "version": _BEGUN.where(_OPENS_VERSION),
}

_UPLOADED = exists().where(
    uploads.c.index_name == journal.c.place, uploads.c.project == journal.c.project
)
_KEPT = exists().where(
    pages.c.upstream == journal.c.place,
    pages.c.project == journal.c.project,
    pages.c.document.is_not(None),
)
_ALL = (
    select(
        journal.c.project,
        func.max(journal.c.serial).label("serial"),
        (_UPLOADED | _KEPT).label("owned"),
        (_UPLOADED.where(uploads.c.deleted_at.is_(None)) | _KEPT).label("shown"),
    )
    .where(journal.c.place == bindparam("place"), _NAMED)
    .group_by(journal.c.place, journal.c.project)
)
_SOME = _ALL.where(journal.c.project.in_(bindparam("projects", expanding=True)))
