"""Uploads: who published which bytes under which name, for ever."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Text, and_, bindparam, exists, func, insert, select, update

from cloche.catalog.database import AnyRow, Database
from cloche.catalog.glances import Look
from cloche.catalog.journal import append
from cloche.catalog.own import glimpse, own
from cloche.catalog.schema import admissions, following, journal, statuses, uploads
from cloche.catalog.together import Together
from cloche.core.errors import FileExists, Follows, Forbidden, NoSuchProject
from cloche.core.filenames import respelt
from cloche.core.journal import Change
from cloche.core.model import ProjectName, Status, Upload
from cloche.core.replay import YANKED
from cloche.ports import NO_DETAIL, Changes, Deed, Own

_Published = tuple[Upload, Mapping[str, Any]]

FEW = 1000  # journal entries that are looked through sooner than a thread is woken


class SqlLedger:
    def __init__(self, database: Database) -> None:
        self.database = database
        self._publishing = Together(database, self._publish)

    async def publish(self, upload: Upload, detail: Mapping[str, Any] = NO_DETAIL) -> bool:
        done = await self._publishing((upload, detail))
        if isinstance(done, bool):
            return done
        raise done

    async def own(self, index: str, project: ProjectName) -> Own:
        found = await glimpse(self.database, index, project)
        if found is None:
            found = await self.database.to_reader(self._own, index, project)
        return found

    async def files(self, index: str, project: ProjectName) -> list[Upload]:
        return await self.database.to_reader(self._files, index, project)

    async def projects(self, index: str) -> list[ProjectName]:
        return await self.database.to_reader(self._projects, index)

    async def admitted(self, index: str, now: datetime) -> dict[ProjectName, datetime]:
        return await self.database.to_reader(self._admitted, index, now)

    async def changes(self, since: int) -> Changes:
        found = await self._glance(since)
        if found is None:
            found = await self.database.to_reader(self._changes, since)
        return found

    def _publish(self, batch: Sequence[_Published]) -> list[bool | FileExists | Forbidden]:
        with self.database.writing() as connection:
            return [_publish(connection, *each) for each in batch]

    def _files(self, index: str, project: ProjectName) -> list[Upload]:
        found = self._own(index, project).uploads
        if found is None:
            raise NoSuchProject(f"nobody has uploaded {project} to {index}; check the name")
        return list(found)

    def _own(self, index: str, project: ProjectName) -> Own:
        with self.database.reading() as connection:
            return own(connection, index, project)

    def _projects(self, index: str) -> list[ProjectName]:
        with self.database.reading() as connection:
            found = connection.execute(_PROJECTS, {"index": index})
            # Sorted here, for PostgreSQL's order depends on its locale.
            return sorted(map(ProjectName, found.scalars()))

    def _admitted(self, index: str, now: datetime) -> dict[ProjectName, datetime]:
        with self.database.reading() as connection:
            rows = connection.execute(_ADMITTED, {"index": index, "now": now})
            return {ProjectName(project): until for project, until in rows}

    async def _glance(self, since: int) -> Changes | None:
        """The changes, if they are few."""
        bound = await self.database.glance(_BOUND, {})
        newest = (bound[0]["newest"] or 0) if bound else since + FEW
        rows = None
        if newest - since < FEW:
            rows = await self.database.glance(_CHANGED, {"since": since, "newest": newest})
        if rows is None:
            return None
        named = {(row["place"], ProjectName(row["project"])): row["serial"] for row in rows}
        return Changes(newest, named)

    def _changes(self, since: int) -> Changes:
        with self.database.reading() as connection:
            # The bound first: PostgreSQL's second query may see entries newer than it.
            newest = connection.execute(_NEWEST).scalar() or 0
            rows = connection.execute(_CHANGES, {"since": since, "newest": newest})
            return Changes(newest, {(place, project): serial for place, project, serial in rows})


def enter(
    connection: Connection, upload: Upload, deed: Deed, detail: Mapping[str, Any] = NO_DETAIL
) -> bool:
    """Record an upload and its entry in the caller's transaction, as `Ledger.publish` does.

    `detail` is for the entry, beside digest and size. What is refused has written nothing.
    """
    before = connection.execute(_BEFORE, _names(upload)).one()
    if before.digest is not None and before.digest != upload.digest:
        raise _taken(upload.filename)
    if before.digest is not None and before.deleted_at is None:
        return False
    _check(upload, before)
    joins = _joins(connection, upload) if before.beside else {}
    row = _row(upload) | joins | {"deleted_at": None}
    said = {YANKED: row["yanked_reason"]} if row["yanked"] else {}
    row["serial"] = _uploaded(connection, upload, deed, {**detail, **said})
    if before.digest is None:
        connection.execute(_INSERT, row)
    else:
        connection.execute(update(uploads).where(*_is(upload.index, upload.filename)), row)
    return True


def _publish(
    connection: Connection, upload: Upload, detail: Mapping[str, Any]
) -> bool | FileExists | Forbidden:
    """Enter one of several: a refusal is for whom it concerns alone."""
    deed = Deed(who=upload.uploaded_by, at=upload.uploaded_at)
    try:
        return enter(connection, upload, deed, detail)
    except (FileExists, Forbidden) as refusal:
        return refusal


# Statements are made once: making one takes 60 µs, executing it 20.
_PROJECTS = (
    select(uploads.c.project)
    .distinct()
    .where(uploads.c.index_name == bindparam("index"), uploads.c.deleted_at.is_(None))
)
_ADMITTED = (
    select(admissions.c.project, func.max(admissions.c.until))
    .where(
        admissions.c.index_name == bindparam("index"),
        admissions.c.ended_at.is_(None),
        admissions.c.until > bindparam("now"),
    )
    .group_by(admissions.c.project)
)
_BESIDE = (
    select(uploads.c.filename, uploads.c.yanked, uploads.c.yanked_reason)
    .where(
        uploads.c.index_name == bindparam("index"),
        uploads.c.project == bindparam("project"),
        uploads.c.version == bindparam("version"),
        uploads.c.deleted_at.is_(None),
    )
    .order_by(uploads.c.serial)
)
_ASKED = select(
    bindparam("index", type_=Text).label("index_name"),
    bindparam("project", type_=Text).label("project"),
    bindparam("filename", type_=Text).label("filename"),
).subquery("asked")
_SAME_FILE = and_(
    uploads.c.index_name == _ASKED.c.index_name, uploads.c.filename == _ASKED.c.filename
)
_SAME_PROJECT = and_(
    statuses.c.index_name == _ASKED.c.index_name, statuses.c.project == _ASKED.c.project
)
_beside = uploads.alias("beside")
_ANY_BESIDE = exists().where(
    _beside.c.index_name == bindparam("index"),
    _beside.c.project == bindparam("project"),
    _beside.c.version == bindparam("version"),
    _beside.c.deleted_at.is_(None),
)
_FOLLOWS = select(following.c.url).where(
    following.c.index_name == bindparam("index"), following.c.promoted_at.is_(None)
)
# One row, whatever there is: a statement takes 30 µs, and an upload three of them.
_BEFORE = select(
    uploads.c.digest,
    uploads.c.deleted_at,
    statuses.c.status,
    statuses.c.reason,
    _FOLLOWS.scalar_subquery().label("follows"),
    _ANY_BESIDE.label("beside"),
).select_from(_ASKED.outerjoin(uploads, _SAME_FILE).outerjoin(statuses, _SAME_PROJECT))
_INSERT = insert(uploads)
_NEWEST = select(func.max(journal.c.serial).label("newest"))
_CHANGES = (
    select(journal.c.place, journal.c.project, func.max(journal.c.serial).label("serial"))
    .where(
        journal.c.serial > bindparam("since"),
        journal.c.serial <= bindparam("newest"),
        journal.c.project.is_not(None),
    )
    .group_by(journal.c.place, journal.c.project)
)
_BOUND, _CHANGED = Look(_NEWEST), Look(_CHANGES)


def _is(index: str, filename: str) -> tuple[Any, Any]:
    return uploads.c.index_name == index, uploads.c.filename == filename


def _names(upload: Upload) -> dict[str, str]:
    return {
        "index": upload.index,
        "project": upload.project,
        "version": upload.version,
        "filename": upload.filename,
    }


def _taken(filename: str) -> FileExists:
    return FileExists(
        f"File already exists: {filename} names other bytes, and goes on naming them even when "
        "they are deleted; choose a new version"
    )


def _check(upload: Upload, said: AnyRow) -> None:
    """Raise Forbidden where PEP 792 says so, Follows where another server decides.

    In the transaction that would record the upload.
    """
    if said.follows is not None:
        raise Follows.to(upload.index, said.follows)
    if said.status in {Status.ARCHIVED, Status.QUARANTINED}:
        why = f" ({said.reason})" if said.reason else ""
        raise Forbidden(
            f"{upload.project} is {said.status} in index {upload.index}{why} and takes no uploads; "
            f"`cloche status {upload.project} active --index {upload.index}` ends that"
        )


def _joins(connection: Connection, upload: Upload) -> dict[str, Any]:
    """A file that joins a version of which all is yanked is yanked like the rest of it.

    Raise FileExists when it is there under another spelling of its name.
    """
    beside = connection.execute(_BESIDE, _names(upload)).all()
    if twin := respelt(upload.filename, (each.filename for each in beside)):
        raise FileExists(
            f"File already exists: {upload.filename} is another spelling of {twin}; delete that "
            "first, or choose a new version"
        )
    if not beside or not all(each.yanked for each in beside):
        return {}
    return {"yanked": True, "yanked_reason": beside[-1].yanked_reason}


def _uploaded(connection: Connection, upload: Upload, deed: Deed, detail: Mapping[str, Any]) -> int:
    return append(
        connection,
        Change.FILE_UPLOADED.value,
        at=deed.at,
        who=deed.who,
        detail={"sha256": upload.digest, "size": upload.size, **detail},
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
