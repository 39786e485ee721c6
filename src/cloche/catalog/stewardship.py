"""Changing what was uploaded, and what an index says of projects: yanks, deletions, statuses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, delete, insert, select
from sqlalchemy import update as update_

from cloche.catalog.database import AnyRow, Database
from cloche.catalog.journal import record
from cloche.catalog.schema import journal, statuses, uploads, yanks
from cloche.core.errors import NoSuchFile
from cloche.core.filenames import version_of
from cloche.core.journal import Change
from cloche.core.marks import Part
from cloche.core.model import ProjectName, Status
from cloche.core.replay import MARK, mark_of
from cloche.ports import Deed, Entry


@dataclass(frozen=True, slots=True)
class SqlStewardship:
    database: Database

    async def yank(self, part: Part, deed: Deed, *, yanked: bool) -> None:
        await self.database.to_writer(self._yank, part, deed, yanked=yanked)

    async def mark(self, part: Part, deed: Deed, *, yanked: bool | None) -> None:
        await self.database.to_writer(self._mark, part, deed, yanked=yanked)

    async def delete(self, part: Part, deed: Deed) -> list[str]:
        return await self.database.to_writer(self._delete, part, deed)

    async def declare(
        self, index: str, project: ProjectName, status: Status | None, deed: Deed
    ) -> None:
        await self.database.to_writer(self._declare, index, project, status, deed)

    async def journal(self, index: str, project: ProjectName, since: int, most: int) -> list[Entry]:
        return await self.database.to_reader(self._journal, index, project, since, most)

    def _yank(self, part: Part, deed: Deed, *, yanked: bool) -> None:
        wanted = {"yanked": yanked, "yanked_reason": deed.reason if yanked else ""}
        with self.database.writing() as connection:
            found = _live(connection, part)
            if all((row.yanked, row.yanked_reason) == tuple(wanted.values()) for row in found):
                return
            connection.execute(update_(uploads).where(_named(part), _LIVE), wanted)
            _record_yank(connection, part, deed, yanked=yanked)

    def _mark(self, part: Part, deed: Deed, *, yanked: bool | None) -> None:
        row: dict[str, Any] = {
            "index_name": part.index,
            "project": part.project,
            "version": part.version or version_of(part.filename or "") or "",
            "filename": part.filename or "",
        }
        said = {"yanked": yanked, "reason": deed.reason}
        with self.database.writing() as connection:
            before = connection.execute(select(yanks).where(_marked(part))).mappings().all()
            if [dict(each) for each in before] == ([row | said] if yanked is not None else []):
                return
            connection.execute(delete(yanks).where(_marked(part)))
            if yanked is not None:
                connection.execute(insert(yanks), row | said)
            _record_yank(connection, part, deed, yanked=bool(yanked), mark=mark_of(yanked))

    def _delete(self, part: Part, deed: Deed) -> list[str]:
        with self.database.writing() as connection:
            found = _live(connection, part)
            connection.execute(update_(uploads).where(_named(part), _LIVE), {"deleted_at": deed.at})
            for row in found:
                said = {"sha256": row.digest, "reason": deed.reason}
                where = {"version": row.version, "filename": row.filename}
                _record(connection, Change.FILE_DELETED, part, deed, said, **where)
            return [row.filename for row in found]

    def _declare(self, index: str, project: ProjectName, status: Status | None, deed: Deed) -> None:
        part = Part(index=index, project=project)
        row: dict[str, Any] = {"index_name": index, "project": project}
        said = {"status": status and status.value, "reason": deed.reason}
        with self.database.writing() as connection:
            before = (
                connection.execute(select(statuses).where(_of(statuses, part))).mappings().all()
            )
            if [dict(each) for each in before] == ([row | said] if status else []):
                return
            connection.execute(delete(statuses).where(_of(statuses, part)))
            if status:
                connection.execute(insert(statuses), row | said)
            change = Change.STATUS_CHANGED if status else Change.STATUS_REMOVED
            _record(connection, change, part, deed, said)

    def _journal(self, index: str, project: ProjectName, since: int, most: int) -> list[Entry]:
        asked = {"index": index, "project": project, "since": since, "most": most}
        with self.database.reading() as connection:
            return [_entry(row) for row in connection.execute(_JOURNAL, asked)]


_LIVE = uploads.c.deleted_at.is_(None)
_JOURNAL = (
    select(
        journal.c.serial,
        journal.c.at,
        journal.c.who,
        journal.c.action,
        journal.c.version,
        journal.c.filename,
        journal.c.detail,
    )
    .where(
        journal.c.place == bindparam("index"),
        journal.c.project == bindparam("project"),
        journal.c.serial > bindparam("since"),
    )
    .order_by(journal.c.serial)
    .limit(bindparam("most"))
)


def _of(table: Table, part: Part) -> ColumnElement[bool]:
    return and_(table.c.index_name == part.index, table.c.project == part.project)


def _named(part: Part) -> ColumnElement[bool]:
    """Own uploads that belong to the part."""
    if part.filename is not None:
        return and_(_of(uploads, part), uploads.c.filename == part.filename)
    if part.version is not None:
        return and_(_of(uploads, part), uploads.c.version == part.version)
    return _of(uploads, part)


def _marked(part: Part) -> ColumnElement[bool]:
    """What was said of the part, and of all single files that a version has."""
    if part.filename is not None:
        return and_(_of(yanks, part), yanks.c.filename == part.filename)
    return and_(_of(yanks, part), yanks.c.version == part.version)


def _live(connection: Connection, part: Part) -> Sequence[AnyRow]:
    query = select(uploads).where(_named(part), _LIVE).order_by(uploads.c.serial)
    found = connection.execute(query).all()
    if not found:
        raise NoSuchFile(
            f"nothing of {part} was uploaded to index {part.index}, or it is deleted; "
            "what a source has can be yanked or quarantined here, and deleted only there"
        )
    return found


def _record_yank(
    connection: Connection, part: Part, deed: Deed, *, yanked: bool, mark: str = ""
) -> None:
    if part.filename is not None:
        change = Change.FILE_YANKED if yanked else Change.FILE_UNYANKED
        where = {"version": version_of(part.filename), "filename": part.filename}
    else:
        change = Change.VERSION_YANKED if yanked else Change.VERSION_UNYANKED
        where = {"version": part.version}
    _record(connection, change, part, deed, {"reason": deed.reason, MARK: mark}, **where)


def _record(
    connection: Connection,
    change: Change,
    part: Part,
    deed: Deed,
    said: dict[str, Any],
    **where: str | None,
) -> None:
    record(
        connection,
        change,
        at=deed.at,
        who=deed.who,
        detail={key: value for key, value in said.items() if value},
        place=part.index,
        project=part.project,
        **{key: value for key, value in where.items() if value},
    )


def _entry(row: AnyRow) -> Entry:
    return Entry(**{**row._asdict(), "detail": msgspec.json.decode(row.detail)})
