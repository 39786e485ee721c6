"""The files of upstreams that are kept, found by their project."""

from dataclasses import dataclass

from sqlalchemy import bindparam, select

from cloche.catalog.database import Database
from cloche.catalog.schema import held
from cloche.core.model import Held, ProjectName


@dataclass(frozen=True, slots=True)
class SqlHoldings:
    database: Database

    async def files(self, upstream: str, project: ProjectName) -> list[Held]:
        return await self.database.to_reader(self._files, upstream, project)

    async def projects(self, upstream: str) -> list[ProjectName]:
        return await self.database.to_reader(self._projects, upstream)

    def _files(self, upstream: str, project: ProjectName) -> list[Held]:
        name = {"of_upstream": upstream, "of_project": project}
        with self.database.reading() as connection:
            return [Held(**row._asdict()) for row in connection.execute(_FILES, name)]

    def _projects(self, upstream: str) -> list[ProjectName]:
        with self.database.reading() as connection:
            # Sorted here, for PostgreSQL's order depends on its locale.
            found = connection.execute(_PROJECTS, {"of_upstream": upstream}).scalars()
            return sorted(map(ProjectName, found))


_OF_UPSTREAM = held.c.upstream == bindparam("of_upstream")
_FILES = (
    select(held)
    .where(_OF_UPSTREAM, held.c.project == bindparam("of_project"))
    .order_by(held.c.at, held.c.filename)
)
_BESIDE = (".metadata", ".asc", ".provenance")  # what lies beside a distribution is none
_PROJECTS = (
    select(held.c.project)
    .distinct()
    .where(_OF_UPSTREAM, *(held.c.filename.not_like(f"%{end}") for end in _BESIDE))
)
