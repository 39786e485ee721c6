"""Kept files that their upstream has taken back, and the journal of that."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, and_, bindparam, delete, insert, select, update

from cloche.catalog.database import AnyRow, Database
from cloche.catalog.journal import record
from cloche.catalog.schema import held, journal, pages, recalls
from cloche.core.filenames import version_of
from cloche.core.journal import Change
from cloche.core.model import File, ProjectName
from cloche.core.recalls import Recall, Why

_SERVER = "cloche"  # in the journal: nobody asked for it


@dataclass(frozen=True, slots=True)
class SqlRecalls:
    database: Database

    async def of(self, upstream: str, project: ProjectName) -> list[Recall]:
        return await self.database.to_reader(self._of, upstream, project)

    async def settle(
        self, upstream: str, project: ProjectName, gone: Sequence[Recall], at: datetime
    ) -> None:
        await self.database.to_writer(self._settle, upstream, project, gone, at)

    async def tell(self, recalls: Sequence[Recall], at: datetime) -> None:
        if recalls:
            await self.database.to_writer(self._tell, recalls, at)

    def _of(self, upstream: str, project: ProjectName) -> list[Recall]:
        with self.database.reading() as connection:
            return [_recall(row) for row in connection.execute(_OF, _named(upstream, project))]

    def _settle(
        self, upstream: str, project: ProjectName, gone: Sequence[Recall], at: datetime
    ) -> None:
        with self.database.writing(lasting=False) as connection:
            settle(connection, upstream, project, gone, at)

    def _tell(self, recalls: Sequence[Recall], at: datetime) -> None:
        with self.database.writing(lasting=False) as connection:
            tell(connection, recalls, at)


def settle(
    connection: Connection,
    upstream: str,
    project: ProjectName,
    gone: Sequence[Recall],
    at: datetime,
) -> None:
    """These files are gone and no others, in the caller's transaction."""
    name = _named(upstream, project)
    before = {(row.key, row.filename): row for row in connection.execute(_OF, name)}
    after = {(each.key, each.filename): each for each in gone}
    for place, row in before.items():
        if place not in after or after[place].why != row.why:
            _forget(connection, row)
    for place, each in after.items():
        if place not in before or before[place].why != each.why:
            serial = _journal(connection, each, at)
            connection.execute(_ADD, _row(replace(each, at=at, serial=serial)))


def tell(connection: Connection, recalls: Sequence[Recall], at: datetime) -> None:
    """Journal what befell files that are not gone, in the caller's transaction."""
    for each in recalls:
        new = _untold(connection, each)
        if new is not None:
            _journal(connection, new, at)


def _journal(connection: Connection, one: Recall, at: datetime) -> int:
    version = version_of(one.filename)
    detail: dict[str, Any] = {"sha256": one.digest, "why": one.why.value}
    detail |= {"reason": one.reason} if one.reason else {}
    detail |= {"advisories": one.advisories} if one.advisories else {}
    serial = record(
        connection,
        Change.FILE_RECALLED,
        at=at,
        who=_SERVER,
        detail=detail,
        place=one.upstream,
        project=one.project,
        filename=one.filename,
        **({"version": version} if version else {}),
    )
    # A page's serial is of the newest entry about it: mirrors refuse one that is older.
    connection.execute(_MOVE, {**_named(one.upstream, one.project), "serial": serial})
    return serial


def _untold(connection: Connection, one: Recall) -> Recall | None:
    """The same without the advisories that the journal names already; None when nothing is left."""
    if one.why is not Why.FLAGGED:
        return one
    name = {**_named(one.upstream, one.project), "of_filename": one.filename}
    told: set[str] = set()
    for detail in connection.execute(_TOLD, name).scalars():
        told.update(msgspec.json.decode(detail).get("advisories", ()))
    left = tuple(each for each in one.advisories if each not in told)
    return replace(one, advisories=left) if left else None


def _forget(connection: Connection, row: AnyRow) -> None:
    connection.execute(
        _FORGET, {"of_upstream": row.upstream, "of_key": row.key, "of_filename": row.filename}
    )


# Statements are made once: making one takes 60 µs, executing it 20.

_HERE = (
    recalls.c.upstream == bindparam("of_upstream"),
    recalls.c.project == bindparam("of_project"),
)
_OF = (
    select(recalls)
    .join(
        held,
        and_(
            held.c.upstream == recalls.c.upstream,
            held.c.key == recalls.c.key,
            held.c.filename == recalls.c.filename,
        ),
    )
    .where(*_HERE)
    .order_by(recalls.c.serial)
)
_FORGET = delete(recalls).where(
    recalls.c.upstream == bindparam("of_upstream"),
    recalls.c.key == bindparam("of_key"),
    recalls.c.filename == bindparam("of_filename"),
)
_ADD = insert(recalls)
_TOLD = select(journal.c.detail).where(
    journal.c.place == bindparam("of_upstream"),
    journal.c.project == bindparam("of_project"),
    journal.c.filename == bindparam("of_filename"),
    journal.c.action == Change.FILE_RECALLED.value,
)
_MOVE = (
    update(pages)
    .where(
        pages.c.upstream == bindparam("of_upstream"),
        pages.c.project == bindparam("of_project"),
        pages.c.document.is_not(None),
    )
    .values(serial=bindparam("serial"))
)


def _named(upstream: str, project: ProjectName) -> dict[str, Any]:
    return {"of_upstream": upstream, "of_project": project}


def _row(one: Recall) -> dict[str, Any]:
    return {
        "upstream": one.upstream,
        "key": one.key,
        "filename": one.filename,
        "project": one.project,
        "digest": one.digest,
        "file": msgspec.json.encode(one.file).decode(),
        "why": one.why.value,
        "reason": one.reason,
        "at": one.at,
        "serial": one.serial,
    }


def _recall(row: AnyRow) -> Recall:
    return Recall(
        upstream=row.upstream,
        project=row.project,
        key=row.key,
        digest=row.digest,
        file=msgspec.json.decode(row.file, type=File),
        why=Why(row.why),
        reason=row.reason,
        at=row.at,
        serial=row.serial,
    )
