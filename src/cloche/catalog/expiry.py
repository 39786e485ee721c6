"""Taking an upstream's page for stale before its time."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, update

from cloche.catalog.database import Database
from cloche.catalog.journal import record
from cloche.catalog.schema import pages
from cloche.core.journal import Change
from cloche.core.model import ProjectName


@dataclass(frozen=True, slots=True)
class SqlExpiry:
    database: Database

    async def expire(self, upstream: str, project: ProjectName, at: datetime, who: str) -> bool:
        return await self.database.to_writer(self._expire, upstream, project, at, who)

    def _expire(self, upstream: str, project: ProjectName, at: datetime, who: str) -> bool:
        name = {"of_upstream": upstream, "of_project": project}
        with self.database.writing() as connection:
            if connection.execute(_EXPIRE, {**name, "fresh_until": at}).rowcount == 0:
                return False
            serial = record(
                connection,
                Change.PAGE_EXPIRED,
                at=at,
                who=who,
                detail={},
                place=upstream,
                project=project,
            )
            # A page's serial is of the newest entry about it: mirrors refuse one that is older.
            connection.execute(_MOVE, {**name, "serial": serial})
            return True


_PAGE = update(pages).where(
    pages.c.upstream == bindparam("of_upstream"),
    pages.c.project == bindparam("of_project"),
    pages.c.document.is_not(None),
)
_EXPIRE = _PAGE.values(fresh_until=bindparam("fresh_until"))
_MOVE = _PAGE.values(serial=bindparam("serial"))
