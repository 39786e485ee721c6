"""Pages for people: what this is, what it holds, one page a project."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from cloche.core.model import project_name
from cloche.service.documentation import Documents
from cloche.service.view import View
from cloche.web.gate import Gate
from cloche.web.indexes import DEPTH, INDEX
from cloche.web.simple import moved
from cloche.web.ui.layout import CONTENT_SECURITY_POLICY
from cloche.web.ui.pages import Pages

READERS = {"anyone": "anyone", "authenticated": "whoever has a token"}
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cache-control": "private, no-cache",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class People:
    view: View
    pages: Pages
    documents: Documents
    gate: Gate
    public_url: str | None

    def routes(self) -> list[Route]:
        return [
            Route("/", self.home, methods=["GET"]),
            Route("/project/{project}/", self.project, methods=["GET"]),
            Route("/project/{project}", self.slash, methods=["GET"]),
            Route("/project/{project}/why/", self.why, methods=["GET"]),
        ]

    async def home(self, request: Request) -> Response:
        index = self.view.index(request.scope[INDEX])
        await self.gate.reader(index, request.headers.get("authorization"))
        page = await self.pages.home(
            index,
            self._base(request),
            READERS.get(str(index.read), "some, who have a token"),
            query=request.query_params.get("q", ""),
            root="./" + "../" * request.scope[DEPTH],
        )
        return HTMLResponse(page, headers=HEADERS)

    async def project(self, request: Request) -> Response:
        index = self.view.index(request.scope[INDEX])
        await self.gate.reader(index, request.headers.get("authorization"))
        raw: str = request.path_params["project"]
        name = project_name(raw)
        if raw != name:
            return moved(request, f"../{name}/")
        root = "../" * (2 + request.scope[DEPTH])
        page = await self.pages.project(
            index,
            name,
            self._base(request),
            root=root,
            documented=await self.documents.has(index.name, name),
        )
        return HTMLResponse(page, headers=HEADERS)

    async def why(self, request: Request) -> Response:
        index = self.view.index(request.scope[INDEX])
        await self.gate.reader(index, request.headers.get("authorization"))
        raw: str = request.path_params["project"]
        name = project_name(raw)
        if raw != name:
            return moved(request, f"../../{name}/why/")
        root = "../" * (3 + request.scope[DEPTH])
        return HTMLResponse(await self.pages.why(index, name, root=root), headers=HEADERS)

    async def slash(self, request: Request) -> Response:
        return moved(request, f"{project_name(request.path_params['project'])}/")

    def _base(self, request: Request) -> str:
        """The index's address as its user sees it, without a slash at the end."""
        seen = request.base_url
        root = self.public_url or f"{seen.scheme}://{seen.netloc}"
        name = f"/{request.scope[INDEX]}" if request.scope[DEPTH] else ""
        return root.rstrip("/") + name
