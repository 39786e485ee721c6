"""What an index itself has of a project, and says of it, in one question."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, Text, and_, bindparam, func, select

from cloche.catalog.database import AnyRow
from cloche.catalog.schema import journal, statuses, uploads, yanks
from cloche.core.marks import Marks, Yank
from cloche.core.model import ProjectName, Status, Upload
from cloche.ports import Own


def own(connection: Connection, index: str, project: ProjectName) -> Own:
    rows = connection.execute(_OWN, {"index": index, "project": project}).all()
    last = rows[0].last or 0
    if rows[0].serial is None:
        return Own(uploads=None, marks=_marks(rows), serial=last)
    live = tuple(_upload(row) for row in rows if row.deleted_at is None)
    return Own(uploads=live, marks=_marks(rows), serial=last)


_ASKED = select(
    bindparam("index", type_=Text).label("index_name"),
    bindparam("project", type_=Text).label("project"),
).subquery("asked")


def _about(table: Table) -> ColumnElement[bool]:
    return and_(
        table.c.index_name == _ASKED.c.index_name,
        table.c.project == _ASKED.c.project,
    )


_LAST = select(func.max(journal.c.serial)).where(
    journal.c.place == bindparam("index"), journal.c.project == bindparam("project")
)

# In one statement, so that the serial is of what is seen, on PostgreSQL too.
# There is always an answer: an own file in each row, or else a yank of a source's.
_OWN = (
    select(
        uploads,
        _LAST.scalar_subquery().label("last"),
        statuses.c.status.label("mark_status"),
        statuses.c.reason.label("mark_reason"),
        yanks.c.version.label("yank_version"),
        yanks.c.filename.label("yank_filename"),
        yanks.c.yanked.label("yank_yanked"),
        yanks.c.reason.label("yank_reason"),
    )
    .select_from(
        _ASKED.outerjoin(uploads, _about(uploads))
        .outerjoin(statuses, _about(statuses))
        .outerjoin(yanks, and_(_about(yanks), uploads.c.serial.is_(None)))
    )
    .order_by(uploads.c.serial)
)
_LEDGERS_OWN = {"serial", "deleted_at"}
_FACTS = [column.name for column in uploads.columns if column.name not in _LEDGERS_OWN]


def _upload(row: AnyRow) -> Upload:
    values = {name: getattr(row, name) for name in _FACTS}
    values["index"] = values.pop("index_name")
    values["hashes"] = msgspec.json.decode(values["hashes"])
    return Upload(**values)


def _marks(rows: Sequence[AnyRow]) -> Marks:
    status = rows[0].mark_status
    return Marks(
        status=Status(status) if status else None,
        reason=rows[0].mark_reason or "",
        yanks=tuple(_yank(row) for row in rows if row.yank_version is not None),
    )


def _yank(row: AnyRow) -> Yank:
    return Yank(
        version=row.yank_version,
        filename=row.yank_filename,
        yanked=row.yank_yanked,
        reason=row.yank_reason,
    )
