"""How far each webhook has been told: a cursor in the journal, and a lease on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, func, insert, select, update

from cloche.catalog.database import Database
from cloche.catalog.schema import journal, webhooks
from cloche.core.hooks import Told


@dataclass(frozen=True, slots=True)
class SqlCursors:
    """What a lost power may take back is told twice: these writes need not last."""

    database: Database

    async def cursor(self, name: str) -> int:
        found = await self.database.to_reader(self._cursor, name)
        return await self.database.to_writer(self._begin, name) if found is None else found

    async def told(self, actions: Sequence[str], since: int, most: int) -> list[Told]:
        return await self.database.to_reader(self._told, actions, since, most)

    async def take(self, name: str, who: str, now: datetime, until: datetime) -> int | None:
        return await self.database.to_writer(self._take, name, who, now, until)

    async def move(self, name: str, who: str, serial: int, until: datetime) -> bool:
        return await self.database.to_writer(self._move, name, who, serial, until)

    def _cursor(self, name: str) -> int | None:
        with self.database.reading() as connection:
            found: int | None = connection.execute(_CURSOR, {"webhook": name}).scalar()
            return found

    def _begin(self, name: str) -> int:
        with self.database.writing() as connection:
            found: int | None = connection.execute(_CURSOR, {"webhook": name}).scalar()
            if found is None:
                found = connection.execute(_NEWEST).scalar() or 0
                connection.execute(insert(webhooks), {"name": name, "serial": found})
            return found

    def _told(self, actions: Sequence[str], since: int, most: int) -> list[Told]:
        asked = {"actions": actions, "since": since, "most": most}
        with self.database.reading() as connection:
            rows = connection.execute(_TOLD, asked).all()
        return [
            Told(**{**row._asdict(), "detail": msgspec.json.decode(row.detail)}) for row in rows
        ]

    def _take(self, name: str, who: str, now: datetime, until: datetime) -> int | None:
        with self.database.writing(lasting=False) as connection:
            row = connection.execute(_ROW, {"webhook": name}).one_or_none()
            if row is None or (row.holder != who and row.held_until and now < row.held_until):
                return None
            connection.execute(_HOLD, {"webhook": name, "who": who, "until": until})
            serial: int = row.serial
            return serial

    def _move(self, name: str, who: str, serial: int, until: datetime) -> bool:
        asked = {"webhook": name, "who": who, "at": serial, "until": until}
        with self.database.writing(lasting=False) as connection:
            return connection.execute(_MOVE, asked).rowcount == 1


_IT = webhooks.c.name == bindparam("webhook")
_ROW = select(webhooks).where(_IT)
_CURSOR = select(webhooks.c.serial).where(_IT)
_NEWEST = select(func.max(journal.c.serial))
_HOLD = update(webhooks).where(_IT).values(holder=bindparam("who"), held_until=bindparam("until"))
_MOVE = (
    update(webhooks)
    .where(_IT, webhooks.c.holder == bindparam("who"))
    .values(serial=bindparam("at"), held_until=bindparam("until"))
)
_TOLD = (
    select(journal)
    .where(
        journal.c.serial > bindparam("since"),
        journal.c.action.in_(bindparam("actions", expanding=True)),
    )
    .order_by(journal.c.serial)
    .limit(bindparam("most"))
)
