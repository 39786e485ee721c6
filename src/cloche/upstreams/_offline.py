"""What stands in an upstream's place when the server is offline: nobody is asked."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import NoReturn

from cloche.core.errors import UpstreamDown
from cloche.core.model import Artifact, ProjectName
from cloche.ports import Received, Transfer


@dataclass(frozen=True, slots=True)
class Offline:
    name: str

    async def page(self, project: ProjectName, etag: str | None) -> Received:  # noqa: ARG002 - the port's
        _refuse(project)

    def transfer(
        self,
        artifact: Artifact,
        start: int,  # noqa: ARG002 - the port's
        etag: str | None,  # noqa: ARG002 - the port's
    ) -> AbstractAsyncContextManager[Transfer]:
        _refuse(artifact.filename)

    async def close(self) -> None:
        pass


def _refuse(what: str) -> NoReturn:
    raise UpstreamDown(
        f"{what} is not kept here, and the server is offline: start it without --offline"
    )
