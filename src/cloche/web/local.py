"""`/local/`: an index of what is here, which never asks an upstream (pypicache's)."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloche.core.errors import NoSuchProject
from cloche.core.index import Index
from cloche.core.model import file_key, project_name
from cloche.core.provenance import unaddressed
from cloche.core.wire import render_page, render_projects
from cloche.service.kept import Kept
from cloche.service.shelf import Shelf
from cloche.web.files import Packages
from cloche.web.indexes import INDEX
from cloche.web.simple import conditional, fresh, moved, wishes


@dataclass(frozen=True, slots=True)
class Local:
    """`shelf` and `packages` are over a view of kept files alone."""

    kept: Kept
    shelf: Shelf
    packages: Packages

    def routes(self) -> list[Route]:
        return [
            Route("/local", self.root, methods=["GET"]),
            Route("/local/", self.projects, methods=["GET"]),
            Route("/local/{project}", self.slash, methods=["GET"]),
            Route("/local/{project}/", self.project, methods=["GET"]),
            Route("/local/{project}/{key}/{filename}", self.file, methods=["GET"]),
        ]

    async def root(self, request: Request) -> Response:
        return moved(request, "local/")

    async def slash(self, request: Request) -> Response:
        return moved(request, f"{project_name(request.path_params['project'])}/")

    async def projects(self, request: Request) -> Response:
        index = await self._index(request)
        names = await self.kept.projects(index.name)
        form, encoding = wishes(request)
        is_open = self.packages.gate.is_open(index.name)
        body = await fresh(lambda: render_projects(names, form), form, encoding, is_open=is_open)
        return conditional(request, body)

    async def project(self, request: Request) -> Response:
        index = await self._index(request)
        raw: str = request.path_params["project"]
        name = project_name(raw)
        if raw != name:
            return moved(request, f"../{name}/")
        page = unaddressed((await self.shelf.get(index.name, name)).page)
        if not page.files:
            raise NoSuchProject(f"no file of {name} is kept here; /simple/{name}/ may offer some")
        form, encoding = wishes(request)
        is_open = self.packages.gate.is_open(index.name)
        body = await fresh(lambda: render_page(page, form, ""), form, encoding, is_open=is_open)
        return conditional(request, body)

    async def file(self, request: Request) -> Response:
        index = await self._index(request)
        said = request.path_params
        name, key = project_name(said["project"]), file_key(said["key"])
        wanted = await self.packages.files.find(index.name, name, key, said["filename"])
        return await self.packages.answer(request, index, wanted)

    async def _index(self, request: Request) -> Index:
        index = self.packages.view.index(request.scope[INDEX])
        await self.packages.gate.reader(index, request.headers.get("authorization"))
        return index
