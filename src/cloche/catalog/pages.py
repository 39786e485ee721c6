"""What upstreams said about projects, one row for each distinct content, and their kept files."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import zstandard
from sqlalchemy import Connection, Table, delete, insert, select, update

from cloche.catalog.database import AnyRow, Database
from cloche.catalog.journal import Change, record
from cloche.catalog.schema import documents, held, pages
from cloche.core.model import FileKey, Held, ProjectName
from cloche.ports import Document, Kept

OLDER = 100
"""How many documents of a project are kept besides the newest one."""

_DOCUMENT = ("body", "content_type", "url", "first_seen")
_SERVER = "cloche"  # in the journal: nobody asked for it


@dataclass(frozen=True, slots=True)
class SqlPageStore:
    database: Database

    async def recall(self, upstream: str, project: ProjectName) -> Kept | None:
        return await self.database.to_reader(self._recall, upstream, project)

    async def keep(self, upstream: str, project: ProjectName, kept: Kept) -> int:
        return await self.database.to_writer(self._keep, upstream, project, kept)

    async def touch(
        self, upstream: str, project: ProjectName, checked_at: datetime, fresh_until: datetime
    ) -> None:
        await self.database.to_writer(self._touch, upstream, project, checked_at, fresh_until)

    async def gone(self, upstream: str, project: ProjectName, at: datetime) -> None:
        await self.database.to_writer(self._gone, upstream, project, at)

    async def projects(self, upstream: str) -> list[ProjectName]:
        return await self.database.to_reader(self._projects, upstream)

    async def hold(self, held: Held) -> None:
        await self.database.to_writer(self._hold, held)

    async def held(self, upstream: str, key: FileKey, filename: str) -> Held | None:
        return await self.database.to_reader(self._held, upstream, key, filename)

    def _recall(self, upstream: str, project: ProjectName) -> Kept | None:
        query = (
            select(pages, *(documents.c[name] for name in _DOCUMENT))
            .join(documents, pages.c.document == documents.c.id)
            .where(*_is(upstream, project))
        )
        with self.database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _kept(row)

    def _keep(self, upstream: str, project: ProjectName, kept: Kept) -> int:
        document = _packed(upstream, project, kept)  # compressed before the write lock is taken
        with self.database.writing() as connection:
            current = _current(connection, upstream, project)
            if current is None or current.content != document["content"]:
                return _change(connection, document, kept)
            connection.execute(update(pages).where(*_is(upstream, project)), _freshness(kept))
            _see(connection, current.document, kept.checked_at)
            serial: int = current.serial
            return serial

    def _touch(
        self, upstream: str, project: ProjectName, checked_at: datetime, fresh_until: datetime
    ) -> None:
        with self.database.writing(lasting=False) as connection:
            row = _current(connection, upstream, project)
            if row is None:
                return
            times = {"checked_at": checked_at, "fresh_until": fresh_until}
            connection.execute(update(pages).where(*_is(upstream, project)), times)
            _see(connection, row.document, checked_at)

    def _gone(self, upstream: str, project: ProjectName, at: datetime) -> None:
        with self.database.writing() as connection:
            if _current(connection, upstream, project) is None:
                return
            serial = record(
                connection,
                Change.PAGE_GONE,
                at=at,
                who=_SERVER,
                detail={},
                place=upstream,
                project=project,
            )
            nothing = {"document": None, "etag": None, "serial": serial}
            state = {**nothing, "checked_at": at, "fresh_until": at}
            connection.execute(update(pages).where(*_is(upstream, project)), state)

    def _projects(self, upstream: str) -> list[ProjectName]:
        query = select(pages.c.project).where(
            pages.c.upstream == upstream, pages.c.document.is_not(None)
        )
        with self.database.reading() as connection:
            # Sorted here, for PostgreSQL's order depends on its locale.
            return sorted(map(ProjectName, connection.execute(query).scalars()))

    def _hold(self, one: Held) -> None:
        row = msgspec.structs.asdict(one)
        name = {column: row.pop(column) for column in ("upstream", "key", "filename")}
        with self.database.writing(lasting=False) as connection:
            _put(connection, held, name, row)

    def _held(self, upstream: str, key: FileKey, filename: str) -> Held | None:
        query = select(held).where(
            held.c.upstream == upstream, held.c.key == key, held.c.filename == filename
        )
        with self.database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Held(**row._asdict())


def _is(upstream: str, project: ProjectName) -> tuple[Any, Any]:
    return pages.c.upstream == upstream, pages.c.project == project


def _content(document: Document) -> str:
    """Name all that was said. The lengths keep two documents apart that only join alike."""
    seen = hashlib.sha256()
    for part in (
        document.content_type.encode(errors="replace"),
        document.url.encode(errors="replace"),
    ):
        seen.update(b"%d:%b" % (len(part), part))
    seen.update(document.body)
    return seen.hexdigest()


def _current(connection: Connection, upstream: str, project: ProjectName) -> AnyRow | None:
    query = (
        select(pages.c.serial, pages.c.document, documents.c.content)
        .join(documents, pages.c.document == documents.c.id)
        .where(*_is(upstream, project))
    )
    return connection.execute(query).one_or_none()


def _freshness(kept: Kept) -> dict[str, Any]:
    return {"etag": kept.etag, "checked_at": kept.checked_at, "fresh_until": kept.fresh_until}


def _packed(upstream: str, project: ProjectName, kept: Kept) -> dict[str, Any]:
    """A row of `documents`."""
    return {
        "upstream": upstream,
        "project": project,
        "content": _content(kept.document),
        "body": zstandard.ZstdCompressor().compress(kept.document.body),
        "content_type": kept.document.content_type,
        "url": kept.document.url,
        "first_seen": kept.first_seen,
        "last_seen": kept.checked_at,
    }


def _change(connection: Connection, document: dict[str, Any], kept: Kept) -> int:
    """Make a document the current one of its project, and return its journal entry's serial."""
    upstream, project = document["upstream"], document["project"]
    number = _find_or_add(connection, document)
    serial = record(
        connection,
        Change.PAGE_CHANGED,
        at=kept.checked_at,
        who=_SERVER,
        detail={"content": document["content"]},
        place=upstream,
        project=project,
    )
    state = {"document": number, "serial": serial, **_freshness(kept)}
    _put(connection, pages, {"upstream": upstream, "project": project}, state)
    _prune(connection, upstream, project, number)
    return serial


def _see(connection: Connection, document: int, at: datetime) -> None:
    connection.execute(update(documents).where(documents.c.id == document), {"last_seen": at})


def _find_or_add(connection: Connection, row: dict[str, Any]) -> int:
    """The number of the document's row: a content that comes back has one already."""
    query = select(documents.c.id).where(
        *(documents.c[name] == row[name] for name in ("upstream", "project", "content"))
    )
    found: int | None = connection.execute(query).scalar_one_or_none()
    if found is not None:
        _see(connection, found, row["last_seen"])
        return found
    added: int = connection.execute(insert(documents).returning(documents.c.id), row).scalar_one()
    return added


def _put(
    connection: Connection, table: Table, name: dict[str, Any], values: dict[str, Any]
) -> None:
    """Update the row of that name, or insert it. Nobody else writes meanwhile."""
    where = (table.c[column] == value for column, value in name.items())
    if connection.execute(update(table).where(*where), values).rowcount == 0:
        connection.execute(insert(table), {**name, **values})


def _prune(connection: Connection, upstream: str, project: ProjectName, current: int) -> None:
    older = (
        documents.c.upstream == upstream,
        documents.c.project == project,
        documents.c.id != current,
    )
    newest = (
        select(documents.c.id)
        .where(*older)
        .order_by(documents.c.last_seen.desc(), documents.c.id.desc())
        .limit(OLDER)
    )
    connection.execute(delete(documents).where(*older, documents.c.id.not_in(newest)))


def _kept(row: AnyRow) -> Kept:
    body = zstandard.ZstdDecompressor().decompress(row.body)
    return Kept(
        document=Document(body=body, content_type=row.content_type, url=row.url),
        serial=row.serial,
        etag=row.etag,
        first_seen=row.first_seen,
        checked_at=row.checked_at,
        fresh_until=row.fresh_until,
    )
