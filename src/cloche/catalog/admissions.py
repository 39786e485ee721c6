"""What is let past the rules of an index: recorded, listed, ended."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, or_, select, update

from cloche.catalog.database import AnyRow, Database
from cloche.catalog.journal import record
from cloche.catalog.schema import admissions
from cloche.core.errors import NoSuchAdmission
from cloche.core.filenames import version_of
from cloche.core.journal import Change
from cloche.core.marks import Part
from cloche.core.model import ProjectName
from cloche.core.policy import Admission
from cloche.ports import Admitted, Deed


@dataclass(frozen=True, slots=True)
class SqlAdmissions:
    database: Database

    async def admit(self, admission: Admission, at: datetime) -> Admitted:
        return await self.database.to_writer(self._admit, admission, at)

    async def end(self, index: str, serial: int, deed: Deed) -> Admitted:
        return await self.database.to_writer(self._end, index, serial, deed)

    async def history(self, index: str | None, since: int, most: int) -> list[Admitted]:
        return await self.database.to_reader(self._history, index, since, most)

    def _admit(self, admission: Admission, at: datetime) -> Admitted:
        with self.database.writing() as connection:
            serial = record(
                connection,
                Change.ADMITTED,
                at=at,
                who=admission.who,
                detail=_detail(admission),
                **_where(admission.part),
            )
            connection.execute(insert(admissions), _row(admission, at) | {"serial": serial})
        return Admitted(serial=serial, at=at, admission=admission)

    def _end(self, index: str, serial: int, deed: Deed) -> Admitted:
        with self.database.writing() as connection:
            row = connection.execute(_ONE, {"index": index, "number": serial}).one_or_none()
            found = None if row is None else _admitted(row)
            if found is None or not found.holds(deed.at):
                raise NoSuchAdmission(
                    f"no admission {serial} holds in index {index}; "
                    "`cloche admissions` lists those that do"
                )
            ended: dict[str, Any] = {"ended_at": deed.at, "ended_by": deed.who}
            connection.execute(update(admissions).where(admissions.c.serial == serial), ended)
            detail: dict[str, Any] = {"admission": serial}
            record(
                connection,
                Change.ADMISSION_ENDED,
                at=deed.at,
                who=deed.who,
                detail=detail | ({"reason": deed.reason} if deed.reason else {}),
                **_where(found.admission.part),
            )
        return Admitted(serial=serial, at=found.at, admission=found.admission, **ended)

    def _history(self, index: str | None, since: int, most: int) -> list[Admitted]:
        asked = {"index": index, "since": since, "most": most}
        with self.database.reading() as connection:
            return [_admitted(row) for row in connection.execute(_LIST, asked)]


_ONE = select(admissions).where(
    admissions.c.index_name == bindparam("index"), admissions.c.serial == bindparam("number")
)
_LIST = (
    select(admissions)
    .where(
        or_(
            bindparam("index", type_=admissions.c.index_name.type).is_(None),
            admissions.c.index_name == bindparam("index"),
        ),
        admissions.c.serial > bindparam("since"),
    )
    .order_by(admissions.c.serial)
    .limit(bindparam("most"))
)


def _detail(admission: Admission) -> dict[str, Any]:
    said = {
        "reason": admission.reason,
        "until": admission.until.isoformat(),
        "rule": admission.rule,
    }
    return {key: value for key, value in said.items() if value}


def _row(admission: Admission, at: datetime) -> dict[str, Any]:
    part = admission.part
    return {
        "index_name": part.index,
        "project": part.project,
        "version": part.version,
        "filename": part.filename,
        "rule": admission.rule,
        "who": admission.who,
        "reason": admission.reason,
        "at": at,
        "until": admission.until,
    }


def _admission(row: AnyRow) -> Admission:
    part = Part(
        index=row.index_name,
        project=ProjectName(row.project),
        version=row.version,
        filename=row.filename,
    )
    return Admission(part=part, who=row.who, reason=row.reason, until=row.until, rule=row.rule)


def _admitted(row: AnyRow) -> Admitted:
    return Admitted(
        serial=row.serial,
        at=row.at,
        admission=_admission(row),
        ended_at=row.ended_at,
        ended_by=row.ended_by,
    )


def _where(part: Part) -> dict[str, str]:
    said = {
        "place": part.index,
        "project": part.project,
        "version": part.version or version_of(part.filename or ""),
        "filename": part.filename,
    }
    return {key: value for key, value in said.items() if value}
