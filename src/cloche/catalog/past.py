"""The catalog as it was at a serial, from the journal and from what no change takes away."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, exists, func, select
from sqlalchemy.sql.elements import ColumnElement

from cloche import ports
from cloche.catalog.database import AnyRow, Database
from cloche.catalog.own import ADMISSION, admissions_of, upload_of
from cloche.catalog.pages import document_of
from cloche.catalog.schema import (
    absences,
    admissions,
    arriving,
    documents,
    journal,
    pages,
    uploads,
)
from cloche.core.backfill import Bytes, Kept
from cloche.core.journal import PAGE_WORDS, Change
from cloche.core.marks import Part
from cloche.core.model import Digest, FileKey, ProjectName, Upload
from cloche.core.replay import Live, Said, replayed
from cloche.ports import Own, Remembered


@dataclass(frozen=True, slots=True)
class SqlChronicle:
    database: Database

    async def own(self, serial: int, index: str, project: ProjectName) -> Own:
        return await self.database.to_reader(self._own, serial, index, project)

    async def uploaded(self, serial: int, index: str) -> list[ProjectName]:
        return await self.database.to_reader(self._names, _UPLOADED, serial, index)

    async def page(self, serial: int, upstream: str, project: ProjectName) -> Remembered:
        return await self.database.to_reader(self._page, serial, upstream, project)

    async def mirrored(self, serial: int, upstream: str) -> list[ProjectName]:
        return await self.database.to_reader(self._names, _MIRRORED, serial, upstream)

    async def learned(self, serial: int, upstream: str, project: ProjectName) -> Kept:
        return await self.database.to_reader(self._learned, serial, upstream, project)

    async def reached(self, serial: int) -> datetime | None:
        return await self.database.to_reader(self._reached, serial)

    def _own(self, serial: int, index: str, project: ProjectName) -> Own:
        asked = _asked(serial, index, project)
        with self.database.reading() as connection:
            entries = connection.execute(_ENTRIES, asked).all()
            rows = connection.execute(_ROWS, asked).all()
            admitted = connection.execute(_ADMITTED, asked).all()
        then = replayed(_said(row) for row in entries)
        by_name = {row.filename: row for row in rows}
        live = then.uploads
        found = None if live is None else tuple(_uploads(live, by_name))
        let = admissions_of(admitted, Part(index=index, project=project))
        return Own(uploads=found, marks=then.marks, admissions=let, serial=then.serial)

    def _names(self, query: Any, serial: int, place: str) -> list[ProjectName]:
        with self.database.reading() as connection:
            # Sorted here, for PostgreSQL's order depends on its locale.
            found = connection.execute(query, {"serial": serial, "place": place}).scalars()
            return sorted(map(ProjectName, found))

    def _page(self, serial: int, upstream: str, project: ProjectName) -> Remembered:
        asked = _asked(serial, upstream, project)
        with self.database.reading() as connection:
            last = connection.execute(_LAST_PAGE, asked).one_or_none()
            if last is None:
                return _before_the_first(connection, asked)
            if last.action == Change.PAGE_GONE:
                return Remembered(sighting="gone")
            content = msgspec.json.decode(last.detail)["content"]
            row = connection.execute(_DOCUMENT, {**asked, "content": content}).one_or_none()
            if row is None:
                return Remembered(sighting="lost")
            return Remembered(
                sighting="seen", kept=_kept(row, connection.execute(_NEWEST, asked).scalar_one())
            )

    def _learned(self, serial: int, upstream: str, project: ProjectName) -> Kept:
        with self.database.reading() as connection:
            rows = connection.execute(_LEARNED, _asked(serial, upstream, project)).all()
        said = ((row.filename, msgspec.json.decode(row.detail)) for row in rows)
        return {
            (FileKey(each["key"]), name): Bytes(Digest(each["sha256"]), each["size"])
            for name, each in said
            if "key" in each
        }

    def _reached(self, serial: int) -> datetime | None:
        with self.database.reading() as connection:
            newest = connection.execute(_SERIAL).scalar() or 0
            if serial > newest:
                return None
            return connection.execute(_AT, {"serial": serial}).scalar()


def _asked(serial: int, place: str, project: ProjectName) -> dict[str, Any]:
    return {"serial": serial, "place": place, "project": project}


def _said(row: AnyRow) -> Said:
    return Said(**{**row._asdict(), "detail": msgspec.json.decode(row.detail)})


def _uploads(live: Iterable[Live], rows: Mapping[str, AnyRow]) -> Iterable[Upload]:
    for each in live:
        row = rows[each.filename]
        upload = msgspec.structs.replace(
            upload_of(row), yanked=each.yanked, yanked_reason=each.reason
        )
        if row.serial != each.serial:  # the same bytes were uploaded anew since
            upload = msgspec.structs.replace(upload, uploaded_at=each.at, uploaded_by=each.who)
        yield upload


def _before_the_first(connection: Connection, asked: dict[str, Any]) -> Remembered:
    absent = connection.execute(_ABSENT, asked).scalar()
    row = connection.execute(_FIRST, asked).one_or_none()
    if absent is not None and (row is None or asked["serial"] <= absent):
        return Remembered(sighting="gone")
    if row is None:
        return Remembered(sighting="never")
    return Remembered(sighting="later", kept=_kept(row, 0))


def _kept(row: AnyRow, serial: int) -> ports.Kept:
    return ports.Kept(
        document=document_of(row),
        serial=serial,
        etag=None,
        first_seen=row.first_seen,
        checked_at=row.first_seen,
        fresh_until=row.first_seen,
    )


# Statements are made once: making one takes 60 µs, executing it 20.

_ABOUT = (
    journal.c.place == bindparam("place"),
    journal.c.project == bindparam("project"),
    journal.c.serial <= bindparam("serial"),
)
_ENTRIES = (
    select(
        *(
            journal.c[column]
            for column in ("serial", "at", "who", "action", "version", "filename", "detail")
        )
    )
    .where(*_ABOUT)
    .order_by(journal.c.serial)
)
_ROWS = select(uploads).where(
    uploads.c.index_name == bindparam("place"), uploads.c.project == bindparam("project")
)
# What was taken back since is let past nothing any more, in no time.
_ADMITTED = (
    select(*ADMISSION)
    .where(
        admissions.c.index_name == bindparam("place"),
        admissions.c.project == bindparam("project"),
        admissions.c.serial <= bindparam("serial"),
        admissions.c.ended_at.is_(None),
    )
    .order_by(admissions.c.serial)
)
_LAST_PAGE = (
    select(journal.c.action, journal.c.detail)
    .where(*_ABOUT, journal.c.version.is_(None), journal.c.action.in_(PAGE_WORDS))
    .order_by(journal.c.serial.desc())
    .limit(1)
)
_NEWEST = select(func.max(journal.c.serial)).where(*_ABOUT)
_OF = (documents.c.upstream == bindparam("place"), documents.c.project == bindparam("project"))
_DOCUMENT = select(documents).where(*_OF, documents.c.content == bindparam("content"))
_ARRIVING = exists().where(arriving.c.document == documents.c.id, arriving.c.made)
_FIRST = select(documents).where(*_OF, ~_ARRIVING).order_by(documents.c.id).limit(1)
_ABSENT = select(absences.c.serial).where(
    absences.c.upstream == bindparam("place"), absences.c.project == bindparam("project")
)
_LEARNED = (
    select(journal.c.filename, journal.c.detail)
    .where(*_ABOUT, journal.c.version.is_(None), journal.c.action == Change.FILE_LEARNED.value)
    .order_by(journal.c.serial)
)
_SERIAL = select(func.max(journal.c.serial))
_AT = (
    select(journal.c.at)
    .where(journal.c.serial <= bindparam("serial"))
    .order_by(journal.c.serial.desc())
    .limit(1)
)


def _last_word(*same: ColumnElement[bool], words: tuple[str, ...]) -> Any:
    """The newest of these words about something, up to the serial."""
    return (
        select(journal.c.action)
        .where(
            journal.c.place == bindparam("place"),
            journal.c.serial <= bindparam("serial"),
            journal.c.action.in_(words),
            *same,
        )
        .order_by(journal.c.serial.desc())
        .limit(1)
        .scalar_subquery()
    )


_UPLOADED = (
    select(uploads.c.project)
    .distinct()
    .where(
        uploads.c.index_name == bindparam("place"),
        _last_word(
            journal.c.project == uploads.c.project,
            journal.c.version == uploads.c.version,
            journal.c.filename == uploads.c.filename,
            words=(Change.FILE_UPLOADED.value, Change.FILE_DELETED.value),
        )
        == Change.FILE_UPLOADED.value,
    )
)
_MIRRORED = select(pages.c.project).where(
    pages.c.upstream == bindparam("place"),
    _last_word(journal.c.project == pages.c.project, journal.c.version.is_(None), words=PAGE_WORDS)
    == Change.PAGE_CHANGED.value,
)
