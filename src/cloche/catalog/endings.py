"""Instants at which rulings end, each of which becomes an entry of the journal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from cloche.catalog.database import Database
from cloche.catalog.journal import append
from cloche.catalog.schema import endings
from cloche.core.journal import Change
from cloche.core.model import ProjectName

WHO = "cloche"


@dataclass(frozen=True, slots=True)
class SqlEndings:
    database: Database

    async def note(self, ends: Mapping[tuple[str, ProjectName], datetime]) -> None:
        news = await self.database.to_reader(self._news, ends)
        if news:
            await self.database.to_writer(self._note, news)

    async def tell(self, now: datetime, most: int) -> int:
        asked = {"now": now, "most": most}
        if not await self.database.to_reader(self._due, asked):
            return 0
        return await self.database.to_writer(self._tell, asked)

    def _news(self, ends: Mapping[tuple[str, ProjectName], datetime]) -> list[dict[str, Any]]:
        with self.database.reading() as connection:
            rows = [_row(*place, at) for place, at in ends.items()]
            return [row for row in rows if _is_sooner(connection, row)]

    def _due(self, asked: dict[str, Any]) -> bool:
        with self.database.reading() as connection:
            return connection.execute(_DUE, asked).first() is not None

    def _note(self, rows: list[dict[str, Any]]) -> None:
        # It is noted again when the page is looked at again.
        with self.database.writing(lasting=False) as connection:
            for row in rows:
                known = connection.execute(_AT, row).scalar()
                if known is None:
                    connection.execute(_ADD, row)
                elif row["of_instant"] < known:
                    connection.execute(_SET, row)

    def _tell(self, asked: dict[str, Any]) -> int:
        with self.database.writing() as connection:
            due = connection.execute(_DUE, asked).all()
            for row in due:
                append(
                    connection,
                    Change.RULING_ENDED,
                    at=asked["now"],
                    who=WHO,
                    detail={"ended": row.at.isoformat()},
                    place=row.index_name,
                    project=row.project,
                )
                connection.execute(_DROP, _row(row.index_name, row.project, row.at))
            return len(due)


def _row(index: str, project: str, at: datetime) -> dict[str, Any]:
    return {"of_index": index, "of_project": project, "of_instant": at}


def _is_sooner(connection: Connection, row: dict[str, Any]) -> bool:
    known: datetime | None = connection.execute(_AT, row).scalar()
    return known is None or row["of_instant"] < known


_IS = (
    endings.c.index_name == bindparam("of_index"),
    endings.c.project == bindparam("of_project"),
)
_AT = select(endings.c.at).where(*_IS)
_ADD = insert(endings).values(
    index_name=bindparam("of_index"),
    project=bindparam("of_project"),
    at=bindparam("of_instant"),
)
_SET = update(endings).where(*_IS).values(at=bindparam("of_instant"))
_DROP = delete(endings).where(*_IS)
_DUE = (
    select(endings)
    .where(endings.c.at <= bindparam("now"))
    .order_by(endings.c.at)
    .limit(bindparam("most"))
)
