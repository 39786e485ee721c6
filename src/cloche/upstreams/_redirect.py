"""What stands in an upstream's place when clients are to ask it themselves."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from cloche.core.errors import Elsewhere, NoSuchFile
from cloche.core.model import Artifact, ProjectName
from cloche.ports import Received, Transfer


@dataclass(frozen=True, slots=True)
class Redirect:
    name: str
    base: str  # the index's address, with a slash at the end

    async def page(self, project: ProjectName, etag: str | None) -> Received:  # noqa: ARG002 - the port's
        raise Elsewhere.at(self.name, self.base, project)

    def transfer(
        self,
        artifact: Artifact,
        start: int,  # noqa: ARG002 - the port's
        etag: str | None,  # noqa: ARG002 - the port's
    ) -> AbstractAsyncContextManager[Transfer]:
        raise NoSuchFile(f"{artifact.filename} is not kept here; take it from {self.name}")

    async def close(self) -> None:
        pass
