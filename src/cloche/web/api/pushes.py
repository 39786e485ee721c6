"""`/indexes/{index}/push`: have an index take a version that another one shows."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from cloche.core import marks
from cloche.core.index import Index
from cloche.core.marks import Part
from cloche.core.model import project_name
from cloche.service.promote import Promote
from cloche.web.api.schemas import Why
from cloche.web.gate import Gate

HERE = "/indexes/{index:path}/push"


class Wanted(Why):
    model_config = ConfigDict(extra="forbid")

    source: str = Field(alias="from", description="The index that shows the version.")
    project: str
    version: str
    dry_run: bool = Field(default=False, description="Say what would be, and leave all as it is.")


class Pushed(BaseModel):
    new: list[str] = Field(description="Filenames that the index did not have.")
    there: list[str] = Field(description="Those that it had, with the same bytes.")


@dataclass(frozen=True, slots=True)
class Pushes:
    promote: Promote
    gate: Gate

    def join(self, router: APIRouter, root: str) -> None:
        """Add the operation below `root`."""
        router.add_api_route(root + HERE, self.push, methods=["POST"])

    async def push(self, request: Request, index: str, wanted: Wanted) -> Pushed:
        """Take all files of a version, or none, with the same bytes and the time of their upload.

        It takes a token that may upload here and read the other index.
        """
        header = request.headers.get("authorization")
        # Who may not upload to it does not learn whether there is such an index.
        who = await self.gate.uploader(Index(name=index), header)
        target = self.promote.goods.view.index(index)
        await self.gate.reader(self.promote.goods.view.index(wanted.source), header)
        part = Part(
            index=wanted.source,
            project=project_name(wanted.project),
            version=marks.version(wanted.version),
        )
        done = await self.promote.push(part, target, who.name, wanted.reason, dry=wanted.dry_run)
        return Pushed(new=done.new, there=done.there)
