"""PyPI's XML-RPC, as mirrors and old tools call it: `POST /pypi`, `/RPC2`, and where uploads go."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Match, Route
from starlette.types import Scope

from cloche.core.errors import BadRequest, TooLarge
from cloche.core.index import Index
from cloche.service.view import View
from cloche.web import xml
from cloche.web.gate import Gate
from cloche.web.indexes import INDEX
from cloche.web.origin import base
from cloche.web.xml import Fault
from cloche.web.xml_methods import METHODS, Caller, Methods

SHARED = ("/pypi", "/pypi/", "/")
OWN = ("/RPC2", "/RPC2/")
MAX_CALL = 64 << 10  # bytes
KINDS = (b"text/xml", b"application/xml")
KIND = "text/xml; charset=utf-8"


class _XmlRoute(Route):
    """A route for XML alone: to the same addresses others post forms."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["method"] != "POST" or not _is_xml(scope.get("headers")):
            return Match.NONE, {}
        return super().matches(scope)


def _is_xml(headers: list[tuple[bytes, bytes]] | None) -> bool:
    if headers is None:  # whoever asks for the table of routes sends nothing
        return True
    kind = next((value for name, value in headers if name == b"content-type"), b"")
    return kind.partition(b";")[0].strip().lower() in KINDS


@dataclass(frozen=True, slots=True)
class XmlRpc:
    view: View
    gate: Gate
    methods: Methods
    public_url: str | None

    def routes(self) -> list[Route]:
        return [
            *(_XmlRoute(address, self.call, methods=["POST"]) for address in SHARED),
            *(Route(address, self.call, methods=["POST"]) for address in OWN),
        ]

    async def call(self, request: Request) -> Response:
        """Answer 200 with a result, or with a fault that says what is wrong with the call."""
        index = self.view.index(request.scope[INDEX])
        await self.gate.reader(index, request.headers.get("authorization"))
        try:
            found = await self._followed(request, index)
        except Fault as e:
            return Response(xml.fault(e), media_type=KIND)
        if isinstance(found, Iterator):
            return StreamingResponse(found, media_type=KIND)
        return Response(await asyncio.to_thread(xml.response, found), media_type=KIND)

    async def _followed(self, request: Request, index: Index) -> Any:
        try:
            name, parameters = xml.read(await _body(request))
        except BadRequest as e:
            raise Fault(xml.PARSE_ERROR, e.detail) from None
        method = METHODS.get(name)
        if method is None:
            known = ", ".join(METHODS)
            raise Fault(xml.NO_METHOD, f"there is no method {name[:100]!r} here; there are {known}")
        caller = Caller(index.name, base(request.scope, self.public_url))
        try:
            return await method(self.methods, caller, *parameters)
        except BadRequest as e:
            raise Fault(xml.BAD_PARAMETERS, e.detail) from None


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_CALL:
                raise TooLarge(f"an XML-RPC call may have {MAX_CALL >> 10} KiB; send less")
    except ClientDisconnect:
        raise BadRequest("the connection ended before the call did; send it again") from None
    return bytes(body)
