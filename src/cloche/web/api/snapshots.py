"""`/indexes/{index}/snapshots`: moments of an index that have a name."""

from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from cloche.core.marks import MAX_REASON
from cloche.ports import Snapshot as Made
from cloche.service.snapshots import Naming
from cloche.web.api.projects import Reason
from cloche.web.gate import Gate

HERE = "/indexes/{index:path}/snapshots"


class NewSnapshot(BaseModel):
    """Give a moment a name. What was there then is kept as long as the name is."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="A lower-case letter, then letters, digits, '.', '-' and '_'.")
    when: str | None = Field(
        default=None, description="A date, an instant with its zone, or a serial; null: now."
    )
    reason: str = Field(default="", max_length=MAX_REASON)


class Snapshot(BaseModel):
    name: str
    serial: int = Field(description="All that was journaled up to it is in the snapshot.")
    at: datetime
    made_at: datetime
    made_by: str


class SnapshotList(BaseModel):
    snapshots: list[Snapshot]


@dataclass(frozen=True, slots=True)
class Snapshots:
    naming: Naming
    gate: Gate

    def join(self, router: APIRouter, root: str) -> None:
        """Add the operations below `root`."""
        router.add_api_route(root + HERE, self.list_snapshots, methods=["GET"])
        router.add_api_route(root + HERE, self.make_snapshot, methods=["POST"])
        one = root + HERE + "/{name}"
        router.add_api_route(one, self.delete_snapshot, methods=["DELETE"], status_code=204)

    async def make_snapshot(self, request: Request, index: str, wanted: NewSnapshot) -> Snapshot:
        """Name a moment of the index."""
        who = await self._manager(request, index)
        made = await self.naming.create(index, wanted.name, who, wanted.reason, wanted.when)
        return _said(made)

    async def list_snapshots(self, request: Request, index: str) -> SnapshotList:
        """The snapshots of the index, in the order of their making."""
        await self._manager(request, index)
        return SnapshotList(snapshots=[_said(each) for each in await self.naming.named(index)])

    async def delete_snapshot(
        self, request: Request, index: str, name: str, reason: Reason = ""
    ) -> None:
        """Forget the name. What only it has kept may be swept from then on."""
        who = await self._manager(request, index)
        await self.naming.delete(index, name, who, reason)

    async def _manager(self, request: Request, index: str) -> str:
        who = await self.gate.manager(index, request.headers.get("authorization"))
        return who.name


def _said(made: Made) -> Snapshot:
    return Snapshot(
        name=made.name,
        serial=made.serial,
        at=made.at.astimezone(UTC),
        made_at=made.made_at.astimezone(UTC),
        made_by=made.made_by,
    )
