"""The access journal: on SQLite in a file of its own, so that no page's pulse beats with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import asdict
from sqlalchemy import bindparam, delete, insert, select

from cloche.catalog.database import AnyRow, Database
from cloche.catalog.schema import accesses
from cloche.ports import Fetched, Recorded, Sought, Used


@dataclass(frozen=True, slots=True)
class SqlAccesses:
    database: Database

    async def add(self, batch: Sequence[Fetched]) -> None:
        await self.database.to_writer(self._add, batch)

    async def find(self, sought: Sought, most: int) -> list[Recorded]:
        return await self.database.to_reader(self._find, sought, most)

    async def after(self, number: int, most: int) -> list[Recorded]:
        return await self.database.to_reader(self._after, number, most)

    async def used(self, index: str, since: datetime) -> list[Used]:
        return await self.database.to_reader(self._used, index, since)

    async def forget(self, before: datetime, most: int) -> int:
        return await self.database.to_writer(self._forget, before, most)

    def _add(self, batch: Sequence[Fetched]) -> None:
        rows = [_row(each) for each in batch]
        with self.database.appending() as connection:
            connection.execute(_ADD, rows)

    def _find(self, sought: Sought, most: int) -> list[Recorded]:
        query = select(accesses).order_by(accesses.c.id.desc()).limit(most)
        for name in ("project", "version", "filename", "digest"):
            value = getattr(sought, name)
            query = query if value is None else query.where(accesses.c[name] == value)
        if sought.index is not None:
            query = query.where(accesses.c.index_name == sought.index)
        if sought.since is not None:
            query = query.where(accesses.c.at >= sought.since)
        if sought.before is not None:
            query = query.where(accesses.c.id < sought.before)
        with self.database.reading() as connection:
            return [_recorded(row) for row in connection.execute(query)]

    def _after(self, number: int, most: int) -> list[Recorded]:
        with self.database.reading() as connection:
            rows = connection.execute(_AFTER, {"number": number, "most": most})
            return [_recorded(row) for row in rows]

    def _used(self, index: str, since: datetime) -> list[Used]:
        with self.database.reading() as connection:
            rows = connection.execute(_USED, {"index": index, "since": since})
            return [Used(*row) for row in rows]

    def _forget(self, before: datetime, most: int) -> int:
        with self.database.appending() as connection:
            return connection.execute(_FORGET, {"before": before, "most": most}).rowcount


def _row(fetched: Fetched) -> dict[str, object]:
    row = asdict(fetched)
    row["index_name"] = row.pop("index")
    return row


def _recorded(row: AnyRow) -> Recorded:
    found = row._asdict()
    number, index = found.pop("id"), found.pop("index_name")
    return Recorded(number=number, fetched=Fetched(index=index, **found))


# Statements are made once: making one takes 60 µs, executing it 20.

_ADD = insert(accesses)
_USED = (
    select(accesses.c.index_name, accesses.c.project, accesses.c.filename, accesses.c.digest)
    .where(accesses.c.index_name == bindparam("index"), accesses.c.at >= bindparam("since"))
    .distinct()
)
_AFTER = (
    select(accesses)
    .where(accesses.c.id > bindparam("number"))
    .order_by(accesses.c.id)
    .limit(bindparam("most"))
)
_OLD = (
    select(accesses.c.id)
    .where(accesses.c.at < bindparam("before"))
    .order_by(accesses.c.at)
    .limit(bindparam("most"))
)
_FORGET = delete(accesses).where(accesses.c.id.in_(_OLD))
