"""Taking what an upstream said for stale before its time."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, update

from cloche.catalog.database import Database
from cloche.catalog.glances import Look
from cloche.catalog.journal import record
from cloche.catalog.schema import journal, pages
from cloche.core.journal import Change
from cloche.core.model import ProjectName


@dataclass(frozen=True, slots=True)
class SqlExpiry:
    database: Database

    async def expire(
        self, upstream: str, project: ProjectName | None, at: datetime, who: str
    ) -> bool:
        return await self.database.to_writer(self._expire, upstream, project, at, who)

    async def expired(self, upstream: str) -> int:
        found = await self.database.glance(_GLANCE, {"of_upstream": upstream})
        if found is None:
            return await self.database.to_reader(self._expired, upstream)
        return found[0]["serial"] or 0

    def _expire(self, upstream: str, project: ProjectName | None, at: datetime, who: str) -> bool:
        with self.database.writing() as connection:
            detail = {} if project is None else {"project": project}
            record(
                connection,
                Change.ABSENCES_FORGOTTEN,
                at=at,
                who=who,
                detail=detail,
                place=upstream,
            )
            return project is not None and _page_expired(connection, upstream, project, at, who)

    def _expired(self, upstream: str) -> int:
        with self.database.reading() as connection:
            return connection.execute(_EXPIRED, {"of_upstream": upstream}).scalar() or 0


def _page_expired(
    connection: Connection, upstream: str, project: ProjectName, at: datetime, who: str
) -> bool:
    name = {"of_upstream": upstream, "of_project": project}
    if connection.execute(_EXPIRE, {**name, "fresh_until": at}).rowcount == 0:
        return False
    where = {"place": upstream, "project": project}
    serial = record(connection, Change.PAGE_EXPIRED, at=at, who=who, detail={}, **where)
    # A page's serial is of the newest entry about it: mirrors refuse one that is older.
    connection.execute(_MOVE, {**name, "serial": serial})
    return True


# Statements are made once: making one takes 60 µs, executing it 20.
_PAGE = update(pages).where(
    pages.c.upstream == bindparam("of_upstream"),
    pages.c.project == bindparam("of_project"),
    pages.c.document.is_not(None),
)
_EXPIRE = _PAGE.values(fresh_until=bindparam("fresh_until"))
_MOVE = _PAGE.values(serial=bindparam("serial"))
# Entries without a project are few, and together in the journal's index.
_EXPIRED = select(func.max(journal.c.serial).label("serial")).where(
    journal.c.place == bindparam("of_upstream"),
    journal.c.project.is_(None),
    journal.c.action == Change.ABSENCES_FORGOTTEN.value,
)
_GLANCE = Look(_EXPIRED)
