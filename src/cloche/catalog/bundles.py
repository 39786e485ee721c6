"""What was carried here in bundles: pages and kept files of an upstream that asks nobody."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from cloche.catalog.arriving import Arrival, clear, current
from cloche.catalog.database import Database
from cloche.catalog.journal import record
from cloche.catalog.schema import bundles
from cloche.core.bundles import Entry, Load, Mark, check_turn
from cloche.core.errors import BadBundle
from cloche.core.journal import Change as Deed
from cloche.core.model import Digest, ProjectName
from cloche.ports.bundles import Change


@dataclass(frozen=True, slots=True)
class SqlCarried:
    database: Database

    async def mark(self, upstream: str) -> Mark | None:
        return await self.database.to_reader(self._mark, upstream)

    async def gone(self, upstream: str, entries: Iterator[Entry]) -> list[ProjectName]:
        return await self.database.to_reader(self._gone, upstream, entries)

    async def apply(
        self,
        upstream: str,
        load: Load,
        pages: Iterator[tuple[Entry, bytes | None]],
        at: datetime,
        who: str,
    ) -> Change:
        arrival = Arrival(self.database, upstream, at)
        work = asyncio.ensure_future(
            self.database.to_writer(self._apply, arrival, load, pages, who)
        )
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            arrival.stop()
            return await work

    def _mark(self, upstream: str) -> Mark | None:
        with self.database.reading() as connection:
            return _last(connection, upstream)

    def _gone(self, upstream: str, entries: Iterator[Entry]) -> list[ProjectName]:
        with self.database.reading() as connection:
            here = set(current(connection, upstream))
        return sorted(map(ProjectName, here.difference(entry.project for entry in entries)))

    def _apply(
        self, arrival: Arrival, load: Load, pages: Iterator[tuple[Entry, bytes | None]], who: str
    ) -> Change:
        upstream = arrival.upstream
        last = self._mark(upstream)
        check_turn(upstream, load, last)
        clear(self.database, upstream)
        try:
            arrival.lay(pages)
            self._show(arrival, load, last, who)
        finally:
            clear(self.database, upstream)
        return Change(changed=arrival.pages, gone=len(arrival.gone))

    def _show(self, arrival: Arrival, load: Load, last: Mark | None, who: str) -> None:
        with self.database.writing() as connection:
            if _last(connection, arrival.upstream) != last:
                raise BadBundle(
                    f"another bundle was applied to {arrival.upstream} meanwhile; run it again"
                )
            arrival.show(connection)
            if last is None or last.bundle != load.mark.bundle:
                _note(connection, arrival.upstream, load.mark, arrival.at, who)


def _last(connection: Connection, upstream: str) -> Mark | None:
    row = connection.execute(_LAST, {"of_upstream": upstream}).one_or_none()
    if row is None:
        return None
    return Mark(index=row.index_name, serial=row.serial, at=row.at, bundle=Digest(row.bundle))


def _note(connection: Connection, upstream: str, mark: Mark, at: datetime, who: str) -> None:
    record(
        connection,
        Deed.BUNDLE_APPLIED,
        at=at,
        who=who,
        detail={"bundle": mark.bundle, "index": mark.index, "serial": mark.serial, "at": mark.at},
        place=upstream,
    )
    row: dict[str, Any] = {
        "index_name": mark.index,
        "serial": mark.serial,
        "at": mark.at,
        "bundle": mark.bundle,
        "applied_at": at,
    }
    if connection.execute(_SET, {"of_upstream": upstream, **row}).rowcount == 0:
        connection.execute(_ADD, {"upstream": upstream, **row})


# Statements are made once: making one takes 60 µs, executing it 20.

_HERE = bundles.c.upstream == bindparam("of_upstream")
_LAST = select(bundles).where(_HERE)
_ADD = insert(bundles)
_SET = (
    update(bundles)
    .where(_HERE)
    .values(
        {name: bindparam(name) for name in ("index_name", "serial", "at", "bundle", "applied_at")}
    )
)
