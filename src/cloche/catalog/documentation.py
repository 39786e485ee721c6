"""Which blob lies at which path of a project's documentation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select

from cloche.catalog.database import Database
from cloche.catalog.journal import record
from cloche.catalog.schema import documentation
from cloche.core.journal import Change
from cloche.core.model import DocFile, ProjectName


@dataclass(frozen=True, slots=True)
class SqlDocumentation:
    database: Database

    async def replace(
        self, index: str, project: ProjectName, files: Sequence[DocFile], *, at: datetime, who: str
    ) -> None:
        await self.database.to_writer(self._replace, index, project, files, at, who)

    async def find(self, index: str, project: ProjectName, path: str) -> DocFile | None:
        return await self.database.to_reader(self._find, index, project, path)

    def _replace(
        self, index: str, project: ProjectName, files: Sequence[DocFile], at: datetime, who: str
    ) -> None:
        place = {"index_name": index, "project": project}
        rows = [
            {**place, "path": file.path, "digest": file.digest, "size": file.size} for file in files
        ]
        with self.database.writing() as connection:
            connection.execute(_FORGET, {"index": index, "of": project})
            connection.execute(insert(documentation), rows)
            record(
                connection,
                Change.DOCUMENTED,
                at=at,
                who=who,
                detail={"files": len(rows)},
                place=index,
                project=project,
            )

    def _find(self, index: str, project: ProjectName, path: str) -> DocFile | None:
        with self.database.reading() as connection:
            named = {"index": index, "of": project, "path": path}
            row = connection.execute(_FIND, named).one_or_none()
        return None if row is None else DocFile(path=path, digest=row.digest, size=row.size)


_PROJECTS = (
    documentation.c.index_name == bindparam("index"),
    documentation.c.project == bindparam("of"),
)
_FORGET = delete(documentation).where(*_PROJECTS)
_FIND = select(documentation.c.digest, documentation.c.size).where(
    *_PROJECTS, documentation.c.path == bindparam("path")
)
