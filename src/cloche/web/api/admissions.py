"""`/indexes/{index}/admissions`: what is let past the rules of an index."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from cloche.core import admitting, marks
from cloche.core.errors import BadRequest
from cloche.core.marks import MAX_REASON, Part
from cloche.core.model import project_name
from cloche.ports import Admitted
from cloche.service.admit import Admit
from cloche.web.api.projects import Limit, Reason, Since
from cloche.web.api.schemas import MAX_SERIAL
from cloche.web.gate import Gate

HERE = "/indexes/{index:path}/admissions"

Number = Annotated[int, Path(ge=1, le=MAX_SERIAL)]


class NewAdmission(BaseModel):
    """Let a file, a version or a whole project past the rules."""

    model_config = ConfigDict(extra="forbid")

    project: str
    version: str | None = None
    filename: str | None = Field(default=None, description="In place of a version.")
    rule: str | None = Field(default=None, description="The name of one rule; null: all of them.")
    reason: str = Field(min_length=1, max_length=MAX_REASON)
    until: str | None = Field(default=None, description="A date or time; UTC unless it says other.")
    period: str | None = Field(
        default=None, alias="for", description="In place of `until`, such as 90m, 12h, 3d or 2w."
    )


class Admission(BaseModel):
    number: int = Field(description="The serial of its entry in the journal.")
    project: str
    version: str | None
    filename: str | None
    rule: str | None
    who: str
    reason: str
    at: datetime
    until: datetime
    ended_at: datetime | None = Field(description="Before its time.")
    ended_by: str | None
    holds: bool = Field(description="Whether it is neither over nor ended.")


class MadeAdmission(Admission):
    files: list[str] | None = Field(
        description="Those that are let past a rule by it now; null if that cannot be known now."
    )


class AdmissionList(BaseModel):
    admissions: list[Admission]
    next: int | None = Field(
        description="The `since` of the next page; null when this is the last."
    )


@dataclass(frozen=True, slots=True)
class Admissions:
    admit: Admit
    gate: Gate

    def join(self, router: APIRouter, root: str) -> None:
        """Add the operations below `root`."""
        router.add_api_route(root + HERE, self.list_admissions, methods=["GET"])
        router.add_api_route(root + HERE, self.make_admission, methods=["POST"])
        router.add_api_route(root + HERE + "/{number}", self.end_admission, methods=["DELETE"])

    async def make_admission(
        self, request: Request, index: str, wanted: NewAdmission
    ) -> MadeAdmission:
        """Let a part of a project past the rules of this index, for a reason and a time."""
        who = await self._manager(request, index)
        now = self.admit.clock()
        made = await self.admit.admit(
            _part(index, wanted), who, wanted.reason, _until(wanted, now), wanted.rule
        )
        return MadeAdmission(**_said(made, now), files=await self.admit.lifted(made))

    async def list_admissions(
        self, request: Request, index: str, since: Since = 0, limit: Limit = 100
    ) -> AdmissionList:
        """What was ever let past the rules of this index, the oldest first."""
        await self._manager(request, index)
        found = await self.admit.history(index, since, limit + 1)
        now = self.admit.clock()
        return AdmissionList(
            admissions=[Admission(**_said(each, now)) for each in found[:limit]],
            next=found[limit - 1].serial if len(found) > limit else None,
        )

    async def end_admission(
        self, request: Request, index: str, number: Number, reason: Reason = ""
    ) -> Admission:
        """End one before its time."""
        who = await self._manager(request, index)
        ended = await self.admit.end(index, number, who, reason)
        return Admission(**_said(ended, self.admit.clock()))

    async def _manager(self, request: Request, index: str) -> str:
        who = await self.gate.manager(index, request.headers.get("authorization"))
        return who.name


def _part(index: str, wanted: NewAdmission) -> Part:
    if wanted.version is not None and wanted.filename is not None:
        raise BadRequest("give a version or a filename, not both")
    return Part(
        index=index,
        project=project_name(wanted.project),
        version=None if wanted.version is None else marks.version(wanted.version),
        filename=None if wanted.filename is None else marks.filename(wanted.filename),
    )


def _until(wanted: NewAdmission, now: datetime) -> datetime:
    return admitting.end(wanted.until, wanted.period, now)


def _said(made: Admitted, now: datetime) -> dict[str, Any]:
    admission = made.admission
    part = admission.part
    return {
        "number": made.serial,
        "project": part.project,
        "version": part.version,
        "filename": part.filename,
        "rule": admission.rule,
        "who": admission.who,
        "reason": admission.reason,
        "at": made.at.astimezone(UTC),
        "until": admission.until.astimezone(UTC),
        "ended_at": made.ended_at,
        "ended_by": made.ended_by,
        "holds": made.holds(now),
    }
