"""Who does what nobody else may do at the same time."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from cloche.catalog.database import Database
from cloche.catalog.schema import leases


@dataclass(frozen=True, slots=True)
class SqlLeases:
    """What a lost power may take back is taken anew: these writes need not last."""

    database: Database

    async def take(self, what: str, who: str, now: datetime, until: datetime) -> str | None:
        return await self.database.to_writer(self._take, what, who, now, until)

    async def give_back(self, what: str, who: str) -> None:
        await self.database.to_writer(self._give_back, what, who)

    def _take(self, what: str, who: str, now: datetime, until: datetime) -> str | None:
        with self.database.writing(lasting=False) as connection:
            row = connection.execute(_ROW, {"of_what": what}).one_or_none()
            if row is None:
                connection.execute(_ADD, {"what": what, "who": who, "until": until})
            elif row.who == who or row.until <= now:
                connection.execute(_SET, {"of_what": what, "who": who, "until": until})
            else:
                return str(row.who)
        return None

    def _give_back(self, what: str, who: str) -> None:
        with self.database.writing(lasting=False) as connection:
            connection.execute(_DROP, {"of_what": what, "of_who": who})


_IS = leases.c.what == bindparam("of_what")
_ROW = select(leases).where(_IS)
_ADD = insert(leases)
_SET = update(leases).where(_IS).values(who=bindparam("who"), until=bindparam("until"))
_DROP = delete(leases).where(_IS, leases.c.who == bindparam("of_who"))
