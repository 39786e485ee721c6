"""devpi's addresses for reading: of files, as lock files hold them, and what its client asks."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route
from starlette.types import Scope

from cloche.core.errors import NoSuchFile
from cloche.core.filenames import parse
from cloche.service.kept import Kept
from cloche.service.shelf import Shelf
from cloche.web.files import Packages
from cloche.web.indexes import INDEX


class _Asked(Route):
    """The index as its client asks for it. A browser takes JSON too, among much else."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["path"] != "/" or (b"accept", b"application/json") not in scope["headers"]:
            return Match.NONE, {}
        match, child = super().matches(scope)
        return (match, child) if match is Match.FULL else (Match.NONE, {})


@dataclass(frozen=True, slots=True)
class Devpi:
    kept: Kept
    shelf: Shelf
    packages: Packages

    def routes(self) -> list[Route]:
        return [
            _Asked("/", self.index, methods=["GET"]),
            Route("/+f/{head}/{tail}/{filename}", self.file, methods=["GET"]),
            Route("/+api", self.api, methods=["GET"]),
        ]

    async def api(self, request: Request) -> Response:
        """Where things are, as `devpi use` asks. There is no log-in: tokens go with uploads."""
        index = self.packages.view.index(request.scope[INDEX])
        await self.packages.gate.reader(index, request.headers.get("authorization"))
        result: dict[str, object] = {
            "index": f"/{index.name}",
            "simpleindex": f"/{index.name}/+simple/",
            "pypisubmit": f"/{index.name}/" if index.uploads else None,
            "login": "/+login",
            "authstatus": ["noauth", "", []],
            "features": [],
        }
        return _told("apiconfig", result)

    async def index(self, request: Request) -> Response:
        """What the index is, and the projects of which something is here."""
        index = self.packages.view.index(request.scope[INDEX])
        await self.packages.gate.reader(index, request.headers.get("authorization"))
        result: dict[str, object] = {
            "type": "stage" if index.uploads else "mirror",
            "bases": list(index.sources),
            "volatile": False,
        }
        if "no_projects" not in request.query_params:
            result["projects"] = await self.kept.projects(index.name)
        return _told("indexconfig", result)

    async def file(self, request: Request) -> Response:
        """The file whose sha256 begins so, if the index's page offers it."""
        index = self.packages.view.index(request.scope[INDEX])
        await self.packages.gate.reader(index, request.headers.get("authorization"))
        said = request.path_params
        filename, begins = said["filename"], said["head"] + said["tail"]
        project = parse(filename.removesuffix(".metadata")).project
        page = (await self.shelf.get(index.name, project)).page
        file = page.find(filename.removesuffix(".metadata"))
        if file is None or len(begins) != len("abc" + "0123456789abc"):
            raise NoSuchFile(f"index {index.name} has no file {filename}")
        if not (file.sha256 or "").startswith(begins):
            raise NoSuchFile(
                f"{filename} of index {index.name} is not the one that begins {begins}"
            )
        wanted = await self.packages.files.find(index.name, project, file.key, filename)
        return await self.packages.answer(request, index, wanted)


def _told(kind: str, result: dict[str, object]) -> Response:
    said = {"status": 200, "type": kind, "result": result}
    headers = {"x-devpi-api-version": "2", "cache-control": "no-store", "vary": "accept"}
    return JSONResponse(said, headers=headers)
