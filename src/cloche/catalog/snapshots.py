"""Moments with a name, and what is kept because of them."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    bindparam,
    delete,
    func,
    insert,
    select,
)

from cloche.catalog.database import AnyRow, Database
from cloche.catalog.journal import record
from cloche.catalog.schema import journal, snapshots, uploads
from cloche.core.errors import BadRequest, NoSuchMoment
from cloche.core.journal import Change
from cloche.core.model import ProjectName
from cloche.core.moments import Moment
from cloche.ports import Deed, Snapshot

MOST = 1000
"""Snapshots of an index: each is looked at when blobs are swept."""


@dataclass(frozen=True, slots=True)
class SqlSnapshots:
    database: Database

    async def create(self, index: str, name: str, moment: Moment | None, deed: Deed) -> Snapshot:
        return await self.database.to_writer(self._create, index, name, moment, deed)

    async def find(self, index: str, name: str) -> Snapshot:
        return await self.database.to_reader(self._find, index, name)

    async def named(self, index: str | None) -> list[Snapshot]:
        return await self.database.to_reader(self._named, index)

    async def delete(self, index: str, name: str, deed: Deed) -> None:
        await self.database.to_writer(self._delete, index, name, deed)

    def _create(self, index: str, name: str, moment: Moment | None, deed: Deed) -> Snapshot:
        with self.database.writing() as connection:
            taken = set(connection.execute(_NAMES, {"index": index}).scalars())
            if name in taken:
                raise BadRequest(
                    f"index {index} has a snapshot {name}; delete it first, or choose another name"
                )
            if len(taken) >= MOST:
                raise BadRequest(f"index {index} has {MOST} snapshots; delete one of them first")
            serial = connection.execute(_NEWEST).scalar() or 0 if moment is None else moment.serial
            made = Snapshot(
                index=index,
                name=name,
                serial=serial,
                at=deed.at if moment is None else moment.at,
                made_at=deed.at,
                made_by=deed.who,
            )
            connection.execute(insert(snapshots), _row(made))
            _record(connection, Change.SNAPSHOT_CREATED, made, deed)
        return made

    def _find(self, index: str, name: str) -> Snapshot:
        with self.database.reading() as connection:
            return _found(connection, index, name)

    def _named(self, index: str | None) -> list[Snapshot]:
        query = _ALL if index is None else _ALL.where(snapshots.c.index_name == index)
        with self.database.reading() as connection:
            return [_snapshot(row) for row in connection.execute(query)]

    def _delete(self, index: str, name: str, deed: Deed) -> None:
        with self.database.writing() as connection:
            found = _found(connection, index, name)
            connection.execute(_DELETE, {"index": index, "named": name})
            _record(connection, Change.SNAPSHOT_DELETED, found, deed)


def pinned_pages(connection: Connection, upstream: str, project: ProjectName) -> Collection[str]:
    """Details of the journal entries of an upstream's pages that snapshots show."""
    asked = {"place": upstream, "project": project}
    return set(connection.execute(_PINNED_PAGES, asked).scalars())


def _found(connection: Connection, index: str, name: str) -> Snapshot:
    row = connection.execute(_ONE, {"index": index, "named": name}).one_or_none()
    if row is None:
        raise NoSuchMoment(
            f"index {index} has no snapshot {name!r}; `cloche snapshot list` shows those that are"
        )
    return _snapshot(row)


def _record(connection: Connection, change: Change, about: Snapshot, deed: Deed) -> None:
    detail: dict[str, Any] = {"name": about.name, "serial": about.serial, "at": about.at}
    detail |= {"reason": deed.reason} if deed.reason else {}
    record(connection, change, at=deed.at, who=deed.who, detail=detail, place=about.index)


def _row(made: Snapshot) -> dict[str, Any]:
    return {
        "index_name": made.index,
        "name": made.name,
        "serial": made.serial,
        "at": made.at,
        "made_at": made.made_at,
        "made_by": made.made_by,
    }


def _snapshot(row: AnyRow) -> Snapshot:
    return Snapshot(
        index=row.index_name,
        name=row.name,
        serial=row.serial,
        at=row.at,
        made_at=row.made_at,
        made_by=row.made_by,
    )


# Statements are made once: making one takes 60 µs, executing it 20.

_ALL = select(snapshots).order_by(snapshots.c.made_at, snapshots.c.index_name, snapshots.c.name)
_IS = (snapshots.c.index_name == bindparam("index"), snapshots.c.name == bindparam("named"))
_ONE = select(snapshots).where(*_IS)
_DELETE = delete(snapshots).where(*_IS)
_NAMES = select(snapshots.c.name).where(snapshots.c.index_name == bindparam("index"))
_NEWEST = select(func.max(journal.c.serial))


def _last(*conditions: Any) -> Any:
    """The serial of the newest such entry at the moment of a snapshot."""
    newest: Select[Any] = select(func.max(journal.c.serial)).where(
        journal.c.serial <= snapshots.c.serial, *conditions
    )
    return newest.correlate(snapshots, uploads).scalar_subquery()


_shown = journal.alias("shown")
_HAD = snapshots.join(_shown, _shown.c.serial <= snapshots.c.serial)
_UPLOAD_THEN = _last(
    journal.c.place == uploads.c.index_name,
    journal.c.project == uploads.c.project,
    journal.c.version == uploads.c.version,
    journal.c.filename == uploads.c.filename,
    journal.c.action.in_([Change.FILE_UPLOADED.value, Change.FILE_DELETED.value]),
)
PINNED = (
    select(snapshots.c.name)
    .select_from(_HAD)
    .where(_shown.c.serial == _UPLOAD_THEN, _shown.c.action == Change.FILE_UPLOADED.value)
    .correlate(uploads)
    .exists()
)
"""Of an upload that was deleted: whether it was there at the moment of any snapshot."""

_PAGE_THEN = _last(
    journal.c.place == bindparam("place"),
    journal.c.project == bindparam("project"),
    journal.c.version.is_(None),
    journal.c.action.in_([Change.PAGE_CHANGED.value, Change.PAGE_GONE.value]),
)
_PINNED_PAGES = (
    select(_shown.c.detail).distinct().select_from(_HAD).where(_shown.c.serial == _PAGE_THEN)
)
