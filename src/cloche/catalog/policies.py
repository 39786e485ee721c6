"""Which rules each index had, from which serial on, and whom it asks."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from cloche.catalog.database import Database
from cloche.catalog.journal import record
from cloche.catalog.schema import drawn, policies
from cloche.core.journal import Change
from cloche.core.moments import MAX_SERIAL
from cloche.ports import Deed


@dataclass(frozen=True, slots=True)
class SqlPolicies:
    database: Database

    async def note(self, said: Mapping[str, str], deed: Deed) -> list[str]:
        # Every worker asks at its start; the write lock is for the one that has news.
        known = await self.then(MAX_SERIAL)
        if not _news(said, known):
            return []
        return await self.database.to_writer(self._note, said, deed)

    async def note_sources(self, said: Mapping[str, str], deed: Deed) -> list[str]:
        if not _others(said, await self.database.to_reader(self._sources)):
            return []
        return await self.database.to_writer(self._note_sources, said, deed)

    async def then(self, serial: int) -> dict[str, str]:
        return await self.database.to_reader(self._then, serial)

    def _note(self, said: Mapping[str, str], deed: Deed) -> list[str]:
        with self.database.writing() as connection:
            new = _news(said, _at(connection, MAX_SERIAL))
            for index in new:
                _begin(connection, Change.RULES_CHANGED, index, said[index], deed)
        return new

    def _sources(self) -> dict[str, str]:
        with self.database.reading() as connection:
            return _drawn(connection)

    def _note_sources(self, said: Mapping[str, str], deed: Deed) -> list[str]:
        with self.database.writing() as connection:
            known, rules = _drawn(connection), _at(connection, MAX_SERIAL)
            others = _others(said, known)
            new = [index for index in others if index in known]
            for index in new:
                _begin(connection, Change.SOURCES_CHANGED, index, rules.get(index, ""), deed)
            for index in others:
                connection.execute(_FORGET, {"of_index": index})
                connection.execute(_DRAW, {"index_name": index, "said": said[index]})
        return new

    def _then(self, serial: int) -> dict[str, str]:
        with self.database.reading() as connection:
            return _at(connection, serial)


def _begin(connection: Connection, change: Change, index: str, rules: str, deed: Deed) -> None:
    """Have the index's rules count from a new entry on."""
    serial = record(connection, change, at=deed.at, who=deed.who, detail={}, place=index)
    connection.execute(_ADD, {"index_name": index, "serial": serial, "said": rules})


def _others(said: Mapping[str, str], known: Mapping[str, str]) -> list[str]:
    return [index for index, sources in said.items() if known.get(index) != sources]


def _drawn(connection: Connection) -> dict[str, str]:
    return {row.index_name: row.said for row in connection.execute(_DRAWN)}


def _news(said: Mapping[str, str], known: Mapping[str, str]) -> list[str]:
    """The indexes of which something else is said; of one without a row nothing was."""
    return [index for index, policy in said.items() if known.get(index, "") != policy]


def _at(connection: Connection, serial: int) -> dict[str, str]:
    rows = connection.execute(_THEN, {"most": serial})
    return {row.index_name: row.said for row in rows}


# Statements are made once: making one takes 60 µs, executing it 20.
_ADD = insert(policies)
_DRAWN, _DRAW = select(drawn), insert(drawn)
_FORGET = delete(drawn).where(drawn.c.index_name == bindparam("of_index"))
_newest = (
    select(policies.c.index_name, func.max(policies.c.serial).label("serial"))
    .where(policies.c.serial <= bindparam("most"))
    .group_by(policies.c.index_name)
    .subquery("newest")
)
_THEN = select(policies.c.index_name, policies.c.said).join(
    _newest,
    (policies.c.index_name == _newest.c.index_name) & (policies.c.serial == _newest.c.serial),
)
