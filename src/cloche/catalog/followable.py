"""The journal of an index as another server follows it: entries, and what they leave unsaid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import msgspec
from sqlalchemy import Connection, bindparam, exists, func, insert, or_, select

from cloche.catalog.database import AnyRow, Database
from cloche.catalog.own import upload_of
from cloche.catalog.schema import admissions, documentation, identity, journal, uploads
from cloche.core.errors import OtherJournal
from cloche.core.following import FOLLOWED, Position, Stretch, Told, mark_of
from cloche.core.journal import Change
from cloche.core.model import Digest, DocFile


@dataclass(frozen=True, slots=True)
class SqlFollowable:
    database: Database

    async def stretch(
        self, index: str, since: Position | None, most: int, now: datetime
    ) -> Stretch:
        store = await self._named()
        return await self.database.to_reader(self._stretch, store, index, since, most, now)

    async def newest(self, since: Position | None) -> Position:
        return await self.database.to_reader(self._newest, await self._named(), since)

    async def _named(self) -> str:
        store = await self.database.to_reader(self._store)
        if store is None:
            store = await self.database.to_writer(self._christen)
        return store

    async def has(self, index: str, digest: Digest) -> bool:
        return await self.database.to_reader(self._has, index, digest)

    def _store(self) -> str | None:
        with self.database.reading() as connection:
            found: str | None = connection.execute(_STORE).scalar()
            return found

    def _christen(self) -> str:
        """Give this data its name, unless another process just has."""
        with self.database.writing() as connection:
            found: str | None = connection.execute(_STORE).scalar()
            if found is None:
                found = uuid4().hex
                connection.execute(insert(identity), {"store": found})
            return found

    def _stretch(
        self, store: str, index: str, since: Position | None, most: int, now: datetime
    ) -> Stretch:
        with self.database.reading() as connection:
            # The bound first: PostgreSQL's later queries may see entries newer than it.
            newest = _last(connection, store)
            since = since or Position(store=store)
            _check(connection, since, newest)
            asked = {"index": index, "since": since.serial, "newest": newest.serial, "most": most}
            rows = connection.execute(_ENTRIES, asked).all()
            steps, left = _steps(connection, index, rows)
        if len(rows) == most or left:
            reached = Position(store=store, serial=steps[-1].serial, mark=steps[-1].mark)
        else:
            reached = newest
        return Stretch(steps=tuple(steps), reached=reached, newest=newest.serial, at=now)

    def _newest(self, store: str, since: Position | None) -> Position:
        with self.database.reading() as connection:
            newest = _last(connection, store)
            _check(connection, since or Position(store=store), newest)
        return newest

    def _has(self, index: str, digest: Digest) -> bool:
        with self.database.reading() as connection:
            return bool(connection.execute(_HAS, {"index": index, "digest": digest}).scalar())


def _last(connection: Connection, store: str) -> Position:
    last = connection.execute(_LAST).one_or_none()
    return Position(store=store) if last is None else _position(store, last)


def _position(store: str, row: AnyRow) -> Position:
    return Position(store=store, serial=row.serial, mark=mark_of(row))


def _check(connection: Connection, since: Position, newest: Position) -> None:
    if since.store != newest.store:
        raise OtherJournal(
            "this is not the server that was followed until now, but other data; follow it in an "
            "index that is empty"
        )
    if since.serial == 0:
        return
    row = connection.execute(_ENTRY, {"serial": since.serial}).one_or_none()
    if row is None or mark_of(row) != since.mark:
        raise OtherJournal(
            f"the journal here ends at serial {newest.serial} and does not have the entry "
            f"{since.serial} that was followed: this server was restored from a backup; promote "
            "the follower, or have it follow in an index that is empty"
        )


def _steps(connection: Connection, index: str, rows: Sequence[AnyRow]) -> tuple[list[Told], int]:
    """The steps, up to and with the first that brings documentation, and how many are left."""
    names = {row.filename for row in rows if row.action == Change.FILE_UPLOADED}
    found = _uploads(connection, index, names)
    steps: list[Told] = []
    for row in rows:
        step = _step(row, found)
        if row.action == Change.DOCUMENTED:
            step = msgspec.structs.replace(step, documentation=_documentation(connection, row))
        if row.action == Change.ADMISSION_ENDED:
            step = msgspec.structs.replace(step, admitted_at=_admitted(connection, step))
        steps.append(step)
        if step.documentation:  # it may be 20,000 files
            break
    return steps, len(rows) - len(steps)


def _step(row: AnyRow, found: Mapping[str, AnyRow]) -> Told:
    upload = found[row.filename] if row.action == Change.FILE_UPLOADED else None
    return Told(
        serial=row.serial,
        mark=mark_of(row),
        at=row.at,
        who=row.who,
        action=row.action,
        project=row.project,
        version=row.version,
        filename=row.filename,
        detail=msgspec.json.decode(row.detail),
        upload=None if upload is None else upload_of(upload),
        deleted_at=None if upload is None else upload.deleted_at,
    )


def _uploads(connection: Connection, index: str, names: set[str]) -> dict[str, AnyRow]:
    asked = {"index": index, "names": sorted(names)}
    return {row.filename: row for row in connection.execute(_UPLOADS, asked)}


def _documentation(connection: Connection, row: AnyRow) -> tuple[DocFile, ...] | None:
    """What there is now; None if a later entry says so."""
    asked = {"index": row.place, "project": row.project, "serial": row.serial}
    if connection.execute(_LATER, asked).scalar():
        return None
    files = connection.execute(_DOCUMENTATION, asked)
    return tuple(DocFile(path=f.path, digest=Digest(f.digest), size=f.size) for f in files)


def _admitted(connection: Connection, step: Told) -> datetime | None:
    asked = {"serial": step.detail.get("admission", 0)}
    found: datetime | None = connection.execute(_ADMITTED, asked).scalar()
    return found


_STORE = select(identity.c.store)
_LAST = select(journal).order_by(journal.c.serial.desc()).limit(1)
_ENTRY = select(journal).where(journal.c.serial == bindparam("serial"))
_ENTRIES = (
    select(journal)
    .where(
        # Not the bare column: SQLite would gather all entries of the place by its index.
        func.coalesce(journal.c.place, "") == bindparam("index"),
        journal.c.serial > bindparam("since"),
        journal.c.serial <= bindparam("newest"),
        journal.c.action.in_(sorted(each.value for each in FOLLOWED)),
        journal.c.project.is_not(None),
    )
    .order_by(journal.c.serial)
    .limit(bindparam("most"))
)
_UPLOADS = select(uploads).where(
    uploads.c.index_name == bindparam("index"),
    uploads.c.filename.in_(bindparam("names", expanding=True)),
)
_LATER = select(
    exists().where(
        journal.c.place == bindparam("index"),
        journal.c.project == bindparam("project"),
        journal.c.version.is_(None),
        journal.c.serial > bindparam("serial"),
        journal.c.action == Change.DOCUMENTED.value,
    )
)
_DOCUMENTATION = select(documentation.c.path, documentation.c.digest, documentation.c.size).where(
    documentation.c.index_name == bindparam("index"),
    documentation.c.project == bindparam("project"),
)
_ADMITTED = select(admissions.c.at).where(admissions.c.serial == bindparam("serial"))
# By the digest, whatever SQLite knows of the tables: an index may have 100,000 uploads.
_HAS = select(
    or_(
        *(
            exists().where(
                column == bindparam("digest"),
                func.coalesce(column.table.c.index_name, "") == bindparam("index"),
            )
            for column in (
                uploads.c.digest,
                uploads.c.metadata,
                uploads.c.signature,
                uploads.c.provenance,
                documentation.c.digest,
            )
        )
    )
)
