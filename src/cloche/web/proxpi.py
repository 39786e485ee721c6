"""proxpi's addresses to have an upstream asked anew."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cloche.core.access import Principal
from cloche.core.model import project_name
from cloche.service.renew import Renew
from cloche.web.gate import Gate
from cloche.web.indexes import INDEX

DONE = {"status": "success", "data": None}


@dataclass(frozen=True, slots=True)
class Proxpi:
    renew: Renew
    gate: Gate

    def routes(self) -> list[Route]:
        return [
            Route("/cache/list", self.names, methods=["DELETE"]),
            Route("/cache/{project}", self.project, methods=["DELETE"]),
        ]

    async def project(self, request: Request) -> Response:
        """Have the upstreams asked for the project when it is next looked at."""
        who = await self._manager(request)
        name = project_name(request.path_params["project"])
        await self.renew.project(request.scope[INDEX], name, who.name)
        return JSONResponse(DONE)

    async def names(self, request: Request) -> Response:
        """No list of an upstream's projects is kept; which ones it lacks is forgotten."""
        who = await self._manager(request)
        await self.renew.absences(request.scope[INDEX], who.name)
        return JSONResponse(DONE)

    async def _manager(self, request: Request) -> Principal:
        return await self.gate.manager(request.scope[INDEX], request.headers.get("authorization"))
