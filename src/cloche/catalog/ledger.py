"""Uploads: who published which bytes under which name, for ever."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, func, insert, select, update

from cloche.catalog.database import AnyRow, Database
from cloche.catalog.journal import Change, record
from cloche.catalog.schema import journal, uploads
from cloche.core.errors import FileExists, NoSuchFile, NoSuchProject
from cloche.core.model import ProjectName, Upload
from cloche.ports import Changes


@dataclass(frozen=True, slots=True)
class SqlLedger:
    database: Database

    async def publish(self, upload: Upload) -> bool:
        return await self.database.to_writer(self._publish, upload)

    async def files(self, index: str, project: ProjectName) -> list[Upload]:
        return await self.database.to_reader(self._files, index, project)

    async def projects(self, index: str) -> list[ProjectName]:
        return await self.database.to_reader(self._projects, index)

    async def changes(self, since: int) -> Changes:
        return await self.database.to_reader(self._changes, since)

    async def delete(self, index: str, filename: str, who: str) -> None:
        await self.database.to_writer(self._delete, index, filename, who)

    def _publish(self, upload: Upload) -> bool:
        with self.database.writing() as connection:
            before = _named(connection, upload.index, upload.filename)
            if before is not None and before.digest != upload.digest:
                raise _taken(upload.filename)
            if before is not None and before.deleted_at is None:
                return False
            row = {**_row(upload), "serial": _uploaded(connection, upload), "deleted_at": None}
            if before is None:
                connection.execute(insert(uploads), row)
            else:
                connection.execute(update(uploads).where(*_is(upload.index, upload.filename)), row)
            return True

    def _files(self, index: str, project: ProjectName) -> list[Upload]:
        with self.database.reading() as connection:
            rows = connection.execute(_FILES, {"index": index, "project": project}).all()
        if not rows:
            raise NoSuchProject(f"nobody has uploaded {project} to {index}; check the name")
        return [_upload(row) for row in rows if row.deleted_at is None]

    def _projects(self, index: str) -> list[ProjectName]:
        query = select(uploads.c.project).distinct().where(uploads.c.index_name == index)
        with self.database.reading() as connection:
            # Sorted here, for PostgreSQL's order depends on its locale.
            return sorted(map(ProjectName, connection.execute(query).scalars()))

    def _changes(self, since: int) -> Changes:
        with self.database.reading() as connection:
            # The bound first: PostgreSQL's second query may see entries newer than it.
            newest = connection.execute(_NEWEST).scalar() or 0
            rows = connection.execute(_CHANGES, {"since": since, "newest": newest})
            return Changes(newest, {(place, project): serial for place, project, serial in rows})

    def _delete(self, index: str, filename: str, who: str) -> None:
        now = datetime.now(UTC)
        with self.database.writing() as connection:
            row = _named(connection, index, filename)
            if row is None or row.deleted_at is not None:
                raise NoSuchFile(f"{index} has no file {filename}; check the name")
            connection.execute(update(uploads).where(*_is(index, filename)), {"deleted_at": now})
            record(
                connection,
                Change.FILE_DELETED,
                at=now,
                who=who,
                detail={"sha256": row.digest},
                place=index,
                project=row.project,
                version=row.version,
                filename=filename,
            )


# Statements are made once: making one takes 60 µs, executing it 20.
_FILES = (
    select(uploads)
    .where(uploads.c.index_name == bindparam("index"), uploads.c.project == bindparam("project"))
    .order_by(uploads.c.serial)
)
_NEWEST = select(func.max(journal.c.serial))
_CHANGES = (
    select(journal.c.place, journal.c.project, func.max(journal.c.serial))
    .where(
        journal.c.serial > bindparam("since"),
        journal.c.serial <= bindparam("newest"),
        journal.c.project.is_not(None),
    )
    .group_by(journal.c.place, journal.c.project)
)


def _is(index: str, filename: str) -> tuple[Any, Any]:
    return uploads.c.index_name == index, uploads.c.filename == filename


def _named(connection: Connection, index: str, filename: str) -> AnyRow | None:
    columns = (uploads.c.digest, uploads.c.deleted_at, uploads.c.project, uploads.c.version)
    return connection.execute(select(*columns).where(*_is(index, filename))).one_or_none()


def _taken(filename: str) -> FileExists:
    return FileExists(
        f"File already exists: {filename} names other bytes, and goes on naming them even when "
        "they are deleted; choose a new version"
    )


def _uploaded(connection: Connection, upload: Upload) -> int:
    return record(
        connection,
        Change.FILE_UPLOADED,
        at=upload.uploaded_at,
        who=upload.uploaded_by,
        detail={"sha256": upload.digest, "size": upload.size},
        place=upload.index,
        project=upload.project,
        version=upload.version,
        filename=upload.filename,
    )


def _row(upload: Upload) -> dict[str, Any]:
    row = msgspec.structs.asdict(upload)
    row["index_name"] = row.pop("index")
    row["hashes"] = msgspec.json.encode(upload.hashes).decode()
    return row


def _upload(row: AnyRow) -> Upload:
    values = row._asdict()
    del values["serial"], values["deleted_at"]
    values["index"] = values.pop("index_name")
    values["hashes"] = msgspec.json.decode(values["hashes"])
    return Upload(**values)
