"""`/indexes/{index}/changes` and `/blobs/{digest}`: what it takes to do what an index does."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response

from cloche.core import model
from cloche.core.errors import BadRequest
from cloche.core.following import HERE, MARK, MAX_WAIT, MOST, Position, Stretch
from cloche.service.followed import Followed
from cloche.web.api.schemas import MAX_SERIAL
from cloche.web.files import send_body
from cloche.web.gate import Gate
from cloche.web.indexes import INDEX
from cloche.web.protocol import is_unheard

ROOM = "/indexes/{index:path}"
BYTES = "application/octet-stream"
_SCHEMA, _SCHEMAS = msgspec.json.schema_components(
    [Stretch], ref_template="#/components/schemas/{name}"
)
SCHEMAS = dict(_SCHEMAS)
"""What answers here are made of, for the OpenAPI."""

Since = Annotated[int, Query(ge=0, le=MAX_SERIAL, description="Only what came after this serial.")]
Store = Annotated[str, Query(max_length=MARK, description="`reached.store` of the last answer.")]
Mark = Annotated[str, Query(max_length=MARK, description="`reached.mark` of the last answer.")]
Wait = Annotated[
    float, Query(ge=0, le=MAX_WAIT, description="Seconds to wait for something to happen.")
]
Limit = Annotated[int, Query(ge=1, le=MOST)]


@dataclass(frozen=True, slots=True)
class Following:
    followed: Followed
    gate: Gate

    def join(self, router: APIRouter, root: str) -> None:
        """Add the operations below `root`."""
        said: dict[int | str, Any] = {
            200: {"content": {"application/json": {"schema": _SCHEMA[0]}}}
        }
        changes = f"{root}{ROOM}/changes"
        router.add_api_route(changes, self.list_changes, response_class=Response, responses=said)
        said = {200: {"content": {BYTES: {"schema": {"type": "string", "format": "binary"}}}}}
        blob = f"{root}{ROOM}/blobs/{{digest}}"
        router.add_api_route(blob, self.blob, response_class=Response, responses=said)

    async def list_changes(
        self,
        request: Request,
        index: str,
        *,
        since: Since = 0,
        store: Store = "",
        mark: Mark = "",
        wait: Wait = 0,
        limit: Limit = MOST,
    ) -> Response:
        """What happened in the index, with all that it takes to do the same; the oldest first.

        It takes a token with `follow`. `-` is the index in whose address this is asked.
        """
        index = await self._follower(request, index)
        if since and not store:
            raise BadRequest("`since` is a serial of one server alone: name it with `store`")
        position = Position(store=store, serial=since, mark=mark) if store else None
        unheard = partial(is_unheard, request.scope)
        found = await self.followed.stretch(index, position, limit, wait, unheard)
        await self._follower(request, index)  # the token may have been revoked meanwhile
        return Response(msgspec.json.encode(found), media_type="application/json")

    async def blob(self, request: Request, index: str, digest: str) -> Response:
        """The bytes of an upload of the index, of what lies beside it, or of its documentation.

        It takes a token with `follow`.
        """
        index = await self._follower(request, index)
        body = await self.followed.open(index, model.digest(digest))
        headers = {
            "content-type": BYTES,
            "content-length": str(body.size),
            "x-content-type-options": "nosniff",  # an upload must not run as a page of ours
        }
        return await send_body(body.chunks, 200, headers, body.size)

    async def _follower(self, request: Request, index: str) -> str:
        """The index that is meant. Raise what `Gate.follower` raises."""
        name = str(request.scope[INDEX]) if index == HERE else index
        await self.gate.follower(name, request.headers.get("authorization"))
        return name
