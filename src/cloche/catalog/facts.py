"""What files told of themselves when they were looked at."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from sqlalchemy import bindparam, delete, func, insert, select

from cloche.catalog.database import Database
from cloche.catalog.schema import facts
from cloche.core.known import Facts, Need
from cloche.core.model import FileKey, ProjectName

MOST = 10_000
"""How many files of a project are remembered: an upstream may list others each time."""

_read = msgspec.json.Decoder(dict[str, tuple[str, ...]]).decode


@dataclass(frozen=True, slots=True)
class SqlFacts:
    database: Database

    async def recall(self, place: str, project: ProjectName, need: Need) -> dict[FileKey, Facts]:
        return await self.database.to_reader(self._recall, place, project, need)

    async def keep(
        self, place: str, project: ProjectName, need: Need, found: Mapping[FileKey, Facts]
    ) -> None:
        await self.database.to_writer(self._keep, place, project, need, found)

    def _recall(self, place: str, project: ProjectName, need: Need) -> dict[FileKey, Facts]:
        with self.database.reading() as connection:
            rows = connection.execute(_RECALL, _of(place, project, need)).all()
        return {FileKey(key): _read(said) for key, said in rows}

    def _keep(
        self, place: str, project: ProjectName, need: Need, found: Mapping[FileKey, Facts]
    ) -> None:
        of = _of(place, project, need)
        name = {"place": place, "project": project, "need": need}
        rows = [
            {**name, "key": key, "said": msgspec.json.encode(said).decode()}
            for key, said in found.items()
        ]
        with self.database.writing(lasting=False) as connection:
            full = connection.execute(_COUNT, of).scalar_one() + len(rows) > MOST
            if full:
                connection.execute(_CLEAR, of)
            else:
                connection.execute(_FORGET, [{**of, "of_key": key} for key in found])
            connection.execute(_KEEP, rows)


_OF = (
    facts.c.place == bindparam("of_place"),
    facts.c.project == bindparam("of_project"),
    facts.c.need == bindparam("of_need"),
)
_RECALL = select(facts.c.key, facts.c.said).where(*_OF)
_COUNT = select(func.count()).select_from(facts).where(*_OF)
_CLEAR = delete(facts).where(*_OF)
_FORGET = delete(facts).where(*_OF, facts.c.key == bindparam("of_key"))
_KEEP = insert(facts)


def _of(place: str, project: ProjectName, need: Need) -> dict[str, str]:
    return {"of_place": place, "of_project": project, "of_need": need}
