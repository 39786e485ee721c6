"""The integrity API (PEP 740): the provenance of a file."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloche.core.errors import NotAcceptable
from cloche.core.model import project_name
from cloche.core.negotiation import accepts
from cloche.core.provenance import MEDIA_TYPE
from cloche.service.integrity import Integrity
from cloche.service.view import View
from cloche.web.gate import Gate
from cloche.web.indexes import INDEX
from cloche.web.simple import matches


@dataclass(frozen=True, slots=True)
class Provenance:
    view: View
    integrity: Integrity
    gate: Gate

    def routes(self) -> list[Route]:
        place = "/integrity/{project}/{version}/{filename}/provenance"
        return [Route(place, self.provenance, methods=["GET"])]

    async def provenance(self, request: Request) -> Response:
        index = self.view.index(request.scope[INDEX])
        await self.gate.reader(index, request.headers.get("authorization"))
        accept = ",".join(request.headers.getlist("accept"))
        if not accepts(accept, (MEDIA_TYPE, "application/json")):
            raise NotAcceptable(f"provenance comes as {MEDIA_TYPE}; accept that")
        said = request.path_params
        found = await self.integrity.find(
            index.name, project_name(said["project"]), said["version"], said["filename"]
        )
        scope = "public" if self.gate.is_open(index.name) else "private"
        headers = {
            "content-type": MEDIA_TYPE,
            "x-content-type-options": "nosniff",
            "etag": f'"{found.digest}"',
            "cache-control": f"{scope}, no-cache",
            "vary": "Accept",
        }
        if matches(request.headers.get("if-none-match"), headers["etag"].encode()):
            return Response(None, 304, headers)
        return Response(found.body, 200, headers)
