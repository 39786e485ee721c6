"""`/access`: who fetched which file. For those who manage what they ask about."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from cloche.core import marks
from cloche.core.admitting import instant
from cloche.core.errors import BadRequest
from cloche.core.model import HASH_LENGTHS, Digest, project_name, sane_hashes
from cloche.ports import Accesses, Recorded, Sought
from cloche.service.view import View
from cloche.web.api.projects import Limit
from cloche.web.api.schemas import MAX_SERIAL
from cloche.web.gate import Gate

Said = Annotated[str | None, Query()]
Before = Annotated[
    int | None, Query(ge=0, le=MAX_SERIAL, description="Only entries older than that number's.")
]
Moment = Annotated[str | None, Query(description="A date or time; UTC unless it says other.")]


class AccessEntry(BaseModel):
    number: int
    at: datetime
    index: str
    project: str
    version: str | None
    filename: str
    digest: str | None = Field(description="sha256; null where the upstream states none.")
    who: str | None = Field(description="null where anyone may read.")
    address: str | None
    client: str


class AccessJournal(BaseModel):
    entries: list[AccessEntry]
    next: int | None = Field(
        description="The `before` of the next page; null when this is the last."
    )


@dataclass(frozen=True, slots=True)
class Access:
    accesses: Accesses
    view: View
    gate: Gate

    def join(self, router: APIRouter, root: str) -> None:
        """Add the operation below `root`."""
        router.add_api_route(f"{root}/access", self.list_access, methods=["GET"])

    async def list_access(  # noqa: PLR0913 - each parameter is an argument
        self,
        request: Request,
        *,
        index: Said = None,
        project: Said = None,
        version: Said = None,
        filename: Said = None,
        digest: Said = None,
        since: Moment = None,
        before: Before = None,
        limit: Limit = 100,
    ) -> AccessJournal:
        """Who fetched what is meant, the newest first.

        It takes a token with `admin` on the index that is named, else on every index.
        """
        header = request.headers.get("authorization")
        for each in [index] if index is not None else self.view.indexes:
            await self.gate.manager(each, header)
        sought = Sought(
            project=None if project is None else project_name(project),
            version=None if version is None else marks.version(version),
            filename=None if filename is None else marks.filename(filename),
            digest=None if digest is None else _digest(digest),
            index=index,
            since=None if since is None else instant(since),
            before=before,
        )
        found = await self.accesses.find(sought, limit + 1)
        entries = [_entry(each) for each in found[:limit]]
        return AccessJournal(
            entries=entries, next=entries[-1].number if len(found) > limit else None
        )


def _digest(said: str) -> Digest:
    found = sane_hashes({"sha256": said.removeprefix("sha256:")})
    if not found:
        raise BadRequest(f"a digest is a sha256 of {HASH_LENGTHS['sha256']} hexadecimal digits")
    return Digest(found["sha256"])


def _entry(recorded: Recorded) -> AccessEntry:
    fetched = msgspec.structs.asdict(recorded.fetched)
    return AccessEntry.model_validate({"number": recorded.number, **fetched})
