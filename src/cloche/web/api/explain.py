"""`/indexes/{index}/explain/{project}`: why an index shows what it shows. Readers may know."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from cloche.core import marks
from cloche.core.explanation import Answer, Outcome, State
from cloche.core.model import project_name
from cloche.core.policy import Effect
from cloche.service.explain import Explain
from cloche.web.gate import Gate

Version = Annotated[str | None, Query(description="The only one whose files are told of.")]


class Step(BaseModel):
    """What an index did about one of its sources."""

    index: str
    source: str = Field(description="An index or upstream; the index itself for its uploads.")
    depth: int = Field(description="How many indexes it lies below the one that was asked.")
    outcome: Outcome
    says: str
    kept_since: datetime | None = Field(description="Of an upstream's page: when it came.")
    checked_at: datetime | None = Field(description="When the upstream last confirmed it.")
    fresh_until: datetime | None


class Reason(BaseModel):
    """What one rule says of a file."""

    index: str
    rule: str
    kind: str
    effect: Effect
    reason: str
    clock: Literal["upload-time", "first-seen"] | None
    until: datetime | None
    lifted: str | None = Field(description="Why it does not count, if it does not.")
    lifted_until: datetime | None


class ExplainedFile(BaseModel):
    filename: str
    key: str = Field(description="What stands before the filename in its address.")
    version: str | None
    source: str
    hosted: bool = Field(description="Uploaded here, as opposed to an upstream's.")
    state: State
    sha256: str | None
    upload_time: datetime | None
    first_seen: datetime | None
    note: str | None = Field(description="What no rule says.")
    reasons: list[Reason]


class Explanation(BaseModel):
    index: str
    project: str
    version: str | None
    answer: Answer
    says: str
    until: datetime | None = Field(description="When it may be another, if nothing changes before.")
    steps: list[Step]
    files: list[ExplainedFile]


@dataclass(frozen=True, slots=True)
class Explanations:
    explain: Explain
    gate: Gate

    def join(self, router: APIRouter, root: str) -> None:
        """Add the operation below `root`."""
        path = f"{root}/indexes/{{index:path}}/explain/{{project}}"
        described: dict[int | str, dict[str, Any]] = {200: {"model": Explanation}}
        router.add_api_route(path, self.explanation, methods=["GET"], responses=described)

    async def explanation(
        self, request: Request, index: str, project: str, version: Version = None
    ) -> Response:
        """Every file of the project with what each rule says of it, and which sources were asked.

        What is not there, or cannot be looked for, is explained as well.
        """
        await self.gate.reader(self.explain.view.index(index), request.headers.get("authorization"))
        wanted = None if version is None else marks.version(version)
        found = await self.explain.project(index, project_name(project), wanted)
        # Checking 3,000 files against the schema takes longer than explaining them.
        return Response(msgspec.json.encode(found), media_type="application/json")
