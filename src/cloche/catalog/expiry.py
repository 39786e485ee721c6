"""Taking an upstream's page for stale before its time."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, update

from cloche.catalog.database import Database
from cloche.catalog.journal import Change, record
from cloche.catalog.schema import pages
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
            record(
                connection,
                Change.PAGE_EXPIRED,
                at=at,
                who=who,
                detail={},
                place=upstream,
                project=project,
            )
            return True


_EXPIRE = (
    update(pages)
    .where(
        pages.c.upstream == bindparam("of_upstream"),
        pages.c.project == bindparam("of_project"),
        pages.c.document.is_not(None),
    )
    .values(fresh_until=bindparam("fresh_until"))
)
