"""What upstreams said about projects, one row for each distinct content, and their kept files."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec
import zstandard
from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    update,
)

from cloche.catalog.database import AnyRow, Database
from cloche.catalog.glances import Look
from cloche.catalog.journal import record
from cloche.catalog.schema import documents, held, pages
from cloche.catalog.snapshots import pinned_pages
from cloche.catalog.together import Together
from cloche.core import zstd
from cloche.core.journal import Change
from cloche.core.model import FileKey, Held, ProjectName
from cloche.ports import Document, Kept

OLDER = 100
"""How many documents of a project are kept besides the first and the newest one."""

SMALL = 16 << 10
"""Bytes of a compressed document that is unpacked sooner than a thread is woken."""

UNHURRIED = 0.05
"""Seconds behind a transaction that records several kept files: it costs as much as ten records."""

_DOCUMENT = ("body", "content_type", "url", "first_seen")
_SERVER = "cloche"  # in the journal: nobody asked for it


class SqlPageStore:
    def __init__(self, database: Database) -> None:
        self.database = database
        self._keeping = Together(database, self._keep)
        self._holding = Together(database, self._hold, pause=UNHURRIED)

    async def recall(self, upstream: str, project: ProjectName) -> Kept | None:
        found = await self.database.glance(_GLIMPSE, _named(upstream, project))
        if found is None or any(row["body"] is None for row in found):
            return await self.database.to_reader(self._recall, upstream, project)
        return _kept(SimpleNamespace(**found[0])) if found else None

    async def keep(self, upstream: str, project: ProjectName, kept: Kept) -> int:
        return await self._keeping((upstream, project, kept))

    async def touch(
        self, upstream: str, project: ProjectName, checked_at: datetime, fresh_until: datetime
    ) -> None:
        await self.database.to_writer(self._touch, upstream, project, checked_at, fresh_until)

    async def gone(self, upstream: str, project: ProjectName, at: datetime) -> None:
        await self.database.to_writer(self._gone, upstream, project, at)

    async def projects(self, upstream: str) -> list[ProjectName]:
        return await self.database.to_reader(self._projects, upstream)

    async def hold(self, held: Held, *, news: bool = False) -> None:
        await self._holding((held, news))

    async def held(self, upstream: str, key: FileKey, filename: str) -> Held | None:
        name = {"of_upstream": upstream, "of_key": key, "of_filename": filename}
        found = await self.database.glance(_GLIMPSE_HELD, name)
        if found is None:
            return await self.database.to_reader(self._held, name)
        return Held(**found[0]) if found else None

    def _recall(self, upstream: str, project: ProjectName) -> Kept | None:
        with self.database.reading() as connection:
            row = connection.execute(_RECALL, _named(upstream, project)).one_or_none()
        return None if row is None else _kept(row)

    def _keep(self, batch: Sequence[tuple[str, ProjectName, Kept]]) -> list[int]:
        documents = [packed(*page) for page in batch]  # before the write lock is taken
        with self.database.writing(lasting=False) as connection:
            return [
                _keep(connection, document, kept)
                for document, (*_, kept) in zip(documents, batch, strict=True)
            ]

    def _touch(
        self, upstream: str, project: ProjectName, checked_at: datetime, fresh_until: datetime
    ) -> None:
        with self.database.writing(lasting=False) as connection:
            row = _current(connection, upstream, project)
            if row is None:
                return
            name = _named(upstream, project)
            connection.execute(
                _TOUCH, {**name, "checked_at": checked_at, "fresh_until": fresh_until}
            )
            _see(connection, row.document, checked_at)

    def _gone(self, upstream: str, project: ProjectName, at: datetime) -> None:
        with self.database.writing() as connection:
            drop(connection, upstream, project, at)

    def _projects(self, upstream: str) -> list[ProjectName]:
        with self.database.reading() as connection:
            # Sorted here, for PostgreSQL's order depends on its locale.
            found = connection.execute(_PROJECTS, {"of_upstream": upstream}).scalars()
            return sorted(map(ProjectName, found))

    def _hold(self, batch: Sequence[tuple[Held, bool]]) -> Sequence[tuple[Held, bool]]:
        with self.database.writing(lasting=False) as connection:
            for one, news in batch:
                _hold(connection, one, news=news)
        return batch

    def _held(self, name: dict[str, Any]) -> Held | None:
        with self.database.reading() as connection:
            row = connection.execute(_HELD, name).one_or_none()
        return None if row is None else Held(**row._asdict())


# Statements are made once: making one takes 60 µs, executing it 20.


def _of(table: Table, *columns: str) -> list[ColumnElement[bool]]:
    """Conditions on columns, with parameters that updates can tell from new values."""
    return [table.c[column] == bindparam(f"of_{column}") for column in columns]


def _values(*columns: str) -> dict[str, Any]:
    return {column: bindparam(column) for column in columns}


_PAGE = _of(pages, "upstream", "project")
_CURRENT = (
    select(pages.c.serial, pages.c.document, documents.c.content)
    .join(documents, pages.c.document == documents.c.id)
    .where(*_PAGE)
)
_RECALL = (
    select(pages, *(documents.c[name] for name in _DOCUMENT))
    .join(documents, pages.c.document == documents.c.id)
    .where(*_PAGE)
)
_GLIMPSE = Look(
    select(
        *(column for column in _RECALL.selected_columns if column.name != "body"),
        case((func.length(documents.c.body) <= SMALL, documents.c.body)).label("body"),
    )
    .join(documents, pages.c.document == documents.c.id)
    .where(*_PAGE)
)
_PROJECTS = select(pages.c.project).where(*_of(pages, "upstream"), pages.c.document.is_not(None))
_ADD = insert(pages)
_SET = (
    update(pages)
    .where(*_PAGE)
    .values(_values("document", "serial", "etag", "checked_at", "fresh_until"))
)
_REFRESH = update(pages).where(*_PAGE).values(_values("etag", "checked_at", "fresh_until"))
_MOVE = update(pages).where(*_PAGE).values(_values("serial"))
_TOUCH = update(pages).where(*_PAGE).values(_values("checked_at", "fresh_until"))
_SAME = select(documents.c.id).where(*_of(documents, "upstream", "project", "content"))
_NEW = insert(documents).returning(documents.c.id)
_SEE = update(documents).where(*_of(documents, "id")).values(_values("last_seen"))
_OLD = (*_of(documents, "upstream", "project"), documents.c.id != bindparam("current"))
_SUPERFLUOUS = select(documents.c.id, documents.c.content).where(
    *_OLD,
    documents.c.id.not_in(
        select(documents.c.id)
        .where(*_OLD)
        .order_by(documents.c.last_seen.desc(), documents.c.id.desc())
        .limit(OLDER)
    ),
    # What was there before this server looked is told from the first document, for ever alike.
    documents.c.id.not_in(
        select(func.min(documents.c.id)).where(*_of(documents, "upstream", "project"))
    ),
)
_FORGET = delete(documents).where(*_of(documents, "id"))
_HELD = select(held).where(*_of(held, "upstream", "key", "filename"))
_GLIMPSE_HELD = Look(_HELD)
_HOLD = insert(held)
_HOLD_AGAIN = (
    update(held)
    .where(*_of(held, "upstream", "key", "filename"))
    .values(_values("project", "digest", "size", "at"))
)


def _named(upstream: str, project: ProjectName) -> dict[str, Any]:
    return {"of_upstream": upstream, "of_project": project}


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
    return connection.execute(_CURRENT, _named(upstream, project)).one_or_none()


def _freshness(kept: Kept) -> dict[str, Any]:
    return {"etag": kept.etag, "checked_at": kept.checked_at, "fresh_until": kept.fresh_until}


def packed(upstream: str, project: ProjectName, kept: Kept) -> dict[str, Any]:
    """A row of `documents`: made before a transaction, as it takes time."""
    return {
        "upstream": upstream,
        "project": project,
        "content": _content(kept.document),
        "body": zstd.packed(kept.document.body),
        "content_type": kept.document.content_type,
        "url": kept.document.url,
        "first_seen": kept.first_seen,
        "last_seen": kept.checked_at,
    }


def _keep(connection: Connection, document: dict[str, Any], kept: Kept) -> int:
    """Note down what was received, and return the serial of the entry that brought it."""
    upstream, project = document["upstream"], document["project"]
    current = _current(connection, upstream, project)
    if current is None or current.content != document["content"]:
        return _change(connection, document, kept)
    connection.execute(_REFRESH, {**_named(upstream, project), **_freshness(kept)})
    _see(connection, current.document, kept.checked_at)
    serial: int = current.serial
    return serial


def _hold(connection: Connection, one: Held, *, news: bool) -> None:
    row = msgspec.structs.asdict(one)
    name = {f"of_{column}": row[column] for column in ("upstream", "key", "filename")}
    before = connection.execute(_HELD, name).one_or_none() if news else None
    if news and (before is None or (before.digest, before.size) != (one.digest, one.size)):
        _learn(connection, one)
    if connection.execute(_HOLD_AGAIN, {**name, **row}).rowcount == 0:
        connection.execute(_HOLD, row)


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
    name = _named(upstream, project)
    if connection.execute(_SET, {**name, **state}).rowcount == 0:
        connection.execute(_ADD, {"upstream": upstream, "project": project, **state})
    _prune(connection, upstream, project, number)
    return serial


def _prune(connection: Connection, upstream: str, project: ProjectName, current: int) -> None:
    """Forget the documents that are too many, but for those that a snapshot shows."""
    asked = {**_named(upstream, project), "current": current}
    found = connection.execute(_SUPERFLUOUS, asked).all()
    if not found:
        return
    shown = {
        msgspec.json.decode(each).get("content")
        for each in pinned_pages(connection, upstream, project)
    }
    forgotten = [{"of_id": row.id} for row in found if row.content not in shown]
    if forgotten:
        connection.execute(_FORGET, forgotten)


def _learn(connection: Connection, one: Held) -> None:
    """Journal that the project's page says more."""
    serial = record(
        connection,
        Change.FILE_LEARNED,
        at=one.at,
        who=_SERVER,
        detail={"key": one.key, "sha256": one.digest, "size": one.size},
        place=one.upstream,
        project=one.project,
        filename=one.filename,
    )
    connection.execute(_MOVE, {**_named(one.upstream, one.project), "serial": serial})


def _see(connection: Connection, document: int, at: datetime) -> None:
    connection.execute(_SEE, {"of_id": document, "last_seen": at})


def _find_or_add(connection: Connection, row: dict[str, Any]) -> int:
    """The number of the document's row: a content that comes back has one already."""
    name = {f"of_{column}": row[column] for column in ("upstream", "project", "content")}
    found: int | None = connection.execute(_SAME, name).scalar_one_or_none()
    if found is not None:
        _see(connection, found, row["last_seen"])
        return found
    added: int = connection.execute(_NEW, row).scalar_one()
    return added


def _kept(row: AnyRow | SimpleNamespace) -> Kept:
    return Kept(
        document=document_of(row),
        serial=row.serial,
        etag=row.etag,
        first_seen=row.first_seen,
        checked_at=row.checked_at,
        fresh_until=row.fresh_until,
    )


class Laid(NamedTuple):
    """A document that is there, though no page shows it yet."""

    number: int
    made: bool
    content: str


def lay(connection: Connection, document: dict[str, Any]) -> Laid:
    """Have a document there, in the caller's transaction, without showing it."""
    content = document["content"]
    name = {f"of_{column}": document[column] for column in ("upstream", "project", "content")}
    made = connection.execute(_SAME, name).scalar_one_or_none() is None
    number = _find_or_add(connection, document)
    _prune(connection, document["upstream"], document["project"], number)
    return Laid(number, made, content)


def drop(connection: Connection, upstream: str, project: ProjectName, at: datetime) -> None:
    """The project is gone, in the caller's transaction, as `SqlPageStore.gone` says."""
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
    connection.execute(_SET, {**_named(upstream, project), **state})


def shown(connection: Connection, upstream: str, project: ProjectName) -> Kept | None:
    """What is shown of the project, in the caller's transaction, as `recall` answers."""
    row = connection.execute(_RECALL, _named(upstream, project)).one_or_none()
    return None if row is None else _kept(row)


def hold(connection: Connection, one: Held) -> None:
    """Record kept bytes, in the caller's transaction, as `SqlPageStore.hold` does."""
    _hold(connection, one, news=False)


def document_of(row: AnyRow | SimpleNamespace) -> Document:
    """A row of `documents`, whatever else is in it."""
    body = zstandard.ZstdDecompressor().decompress(row.body)
    return Document(body=body, content_type=row.content_type, url=row.url)
