"""What an index itself has of a project, and says of it, in one question."""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace
from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    Text,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
)

from cloche.catalog.database import AnyRow, Database
from cloche.catalog.glances import Look
from cloche.catalog.schema import admissions, journal, policies, statuses, uploads, yanks
from cloche.core.marks import Marks, Part, Yank
from cloche.core.model import ProjectName, Status, Upload
from cloche.core.policy import Admission
from cloche.ports import Own


def own(connection: Connection, index: str, project: ProjectName) -> Own:
    rows = connection.execute(_OWN, {"index": index, "project": project}).all()
    uploads: tuple[Upload, ...] | None = None
    if rows[0].serial is not None:
        # The first of them is in as many rows as there are admissions and yanks.
        each = {row.serial: row for row in rows}.values()
        uploads = tuple(upload_of(row) for row in each if row.deleted_at is None)
    admitted = admissions_of(rows, Part(index=index, project=project))
    return Own(
        uploads=uploads,
        marks=_marks(rows),
        admissions=admitted,
        serial=max(rows[0].last or 0, rows[0].ruled or 0),
    )


async def glimpse(database: Database, index: str, project: ProjectName) -> Own | None:
    """The answer for what others have, which is nearly all that there is; None for the rest."""
    found = await database.glance(_ANYTHING, {"index": index, "project": project})
    if not found or found[0]["anything"]:
        return None
    return Own(uploads=None, serial=max(found[0]["last"] or 0, found[0]["ruled"] or 0))


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
_RULED = select(func.max(policies.c.serial)).where(policies.c.index_name == bindparam("index"))

_ANYTHING = Look(
    select(
        or_(
            *(
                exists().where(
                    table.c.index_name == bindparam("index"),
                    table.c.project == bindparam("project"),
                )
                for table in (uploads, statuses, yanks, admissions)
            )
        ).label("anything"),
        _LAST.scalar_subquery().label("last"),
        _RULED.scalar_subquery().label("ruled"),
    )
)

_FIRST = select(func.min(uploads.c.serial)).where(
    uploads.c.index_name == bindparam("index"), uploads.c.project == bindparam("project")
)
# Not beside each upload: of 3,000 files there would be 3,000 rows for each admission.
_AT_FIRST = or_(uploads.c.serial.is_(None), uploads.c.serial == _FIRST.scalar_subquery())

ADMISSION = (
    admissions.c.serial.label("admission"),
    admissions.c.version.label("admission_version"),
    admissions.c.filename.label("admission_filename"),
    admissions.c.rule.label("admission_rule"),
    admissions.c.who.label("admission_who"),
    admissions.c.reason.label("admission_reason"),
    admissions.c.until.label("admission_until"),
)
"""What `admissions_of` reads."""

# In one statement, so that the serial is of what is seen, on PostgreSQL too.
# There is always an answer: an own file in each row, and with the first each yank of a source's.
_OWN = (
    select(
        uploads,
        _LAST.scalar_subquery().label("last"),
        _RULED.scalar_subquery().label("ruled"),
        statuses.c.status.label("mark_status"),
        statuses.c.reason.label("mark_reason"),
        yanks.c.version.label("yank_version"),
        yanks.c.filename.label("yank_filename"),
        yanks.c.yanked.label("yank_yanked"),
        yanks.c.reason.label("yank_reason"),
        *ADMISSION,
    )
    .select_from(
        _ASKED.outerjoin(uploads, _about(uploads))
        .outerjoin(statuses, _about(statuses))
        .outerjoin(yanks, and_(_about(yanks), _AT_FIRST))
        .outerjoin(admissions, and_(_about(admissions), admissions.c.ended_at.is_(None), _AT_FIRST))
    )
    .order_by(uploads.c.serial, admissions.c.serial)
)
_LEDGERS_OWN = {"serial", "deleted_at"}
_FACTS = [column.name for column in uploads.columns if column.name not in _LEDGERS_OWN]


def upload_of(row: AnyRow) -> Upload:
    """A row of `uploads`, whatever else is in it."""
    values = {name: getattr(row, name) for name in _FACTS}
    values["index"] = values.pop("index_name")
    values["hashes"] = msgspec.json.decode(values["hashes"])
    return Upload(**values)


def _marks(rows: Sequence[AnyRow]) -> Marks:
    status = rows[0].mark_status
    return Marks(
        status=Status(status) if status else None,
        reason=rows[0].mark_reason or "",
        yanks=tuple(dict.fromkeys(_yank(row) for row in rows if row.yank_version is not None)),
    )


def _yank(row: AnyRow) -> Yank:
    return Yank(
        version=row.yank_version,
        filename=row.yank_filename,
        yanked=row.yank_yanked,
        reason=row.yank_reason,
    )


def admissions_of(rows: Sequence[AnyRow], whole: Part) -> tuple[Admission, ...]:
    """The admissions of a project, whatever else is in these rows."""
    each = {row.admission: row for row in rows if row.admission is not None}
    return tuple(
        Admission(
            part=replace(whole, version=row.admission_version, filename=row.admission_filename),
            who=row.admission_who,
            reason=row.admission_reason,
            until=row.admission_until,
            rule=row.admission_rule,
        )
        for row in each.values()
    )
