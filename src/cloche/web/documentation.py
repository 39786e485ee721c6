"""Uploaded documentation: somebody's pages under our address, and never as pages of ours."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cloche.core.documentation import INDEX as FIRST
from cloche.core.documentation import content_type
from cloche.core.errors import NoSuchFile
from cloche.core.model import DocFile, project_name
from cloche.service.documentation import Documents
from cloche.service.view import View
from cloche.web.files import send_body
from cloche.web.gate import Gate
from cloche.web.indexes import INDEX
from cloche.web.simple import matches, moved

# Without allow-same-origin its scripts run in an origin of their own, which can read nothing here.
SANDBOX = "sandbox allow-scripts allow-forms allow-popups allow-popups-to-escape-sandbox"


@dataclass(frozen=True, slots=True)
class Documentation:
    view: View
    documents: Documents
    gate: Gate

    def routes(self) -> list[Route]:
        return [
            Route("/project/{project}/docs", self.slash, methods=["GET"]),
            Route("/project/{project}/docs/{path:path}", self.file, methods=["GET"]),
        ]

    async def slash(self, request: Request) -> Response:
        return moved(request, f"../{project_name(request.path_params['project'])}/docs/")

    async def file(self, request: Request) -> Response:
        index = self.view.index(request.scope[INDEX])
        await self.gate.reader(index, request.headers.get("authorization"))
        project = project_name(request.path_params["project"])
        path: str = request.path_params["path"]
        named = f"{path}{FIRST}" if not path or path.endswith("/") else path
        try:
            found = await self.documents.find(index.name, project, named)
        except NoSuchFile:
            await self.documents.find(index.name, project, f"{path}/{FIRST}")
            # A later upload may make a file of what is a folder now: not for ever.
            return RedirectResponse(f"{path.rpartition('/')[2]}/", 307)
        return await self._answer(request, found, is_open=self.gate.is_open(index.name))

    async def _answer(self, request: Request, found: DocFile, *, is_open: bool) -> Response:
        headers = _headers(found, is_open=is_open)
        if matches(request.headers.get("if-none-match"), headers["etag"].encode()):
            del headers["content-length"]
            return Response(None, 304, headers)
        if request.method == "HEAD":
            return Response(None, 200, headers)
        return await send_body(self.documents.open(found).chunks, 200, headers, found.size)


def _headers(found: DocFile, *, is_open: bool) -> dict[str, str]:
    headers = {
        "content-type": content_type(found.path),
        "content-length": str(found.size),
        "content-security-policy": SANDBOX,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": f"{'public' if is_open else 'private'}, no-cache",
        "etag": f'"{found.digest}"',
    }
    # Pages in an origin of their own may load fonts and search data only where anyone may.
    return headers | ({"access-control-allow-origin": "*"} if is_open else {})
