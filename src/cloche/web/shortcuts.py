"""Addresses of pypiserver and mypi that lead to ours, and pypiserver's short JSON."""

from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from packaging.version import Version
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Match, Route
from starlette.types import Scope

from cloche.core.errors import BadName, NotFound
from cloche.core.filenames import parse
from cloche.core.model import File, project_name
from cloche.core.wire import QUARANTINED, href
from cloche.service.shelf import Shelf
from cloche.service.view import View
from cloche.web.gate import Gate
from cloche.web.indexes import DEPTH, INDEX
from cloche.web.origin import base


class _Unclaimed(Route):
    """There for reading, and for names that no other address begins with."""

    def __init__(self, path: str, endpoint: object, taken: Collection[str]) -> None:
        super().__init__(path, endpoint, methods=["GET"])  # type: ignore[arg-type]
        self._taken = frozenset(taken)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        if match is not Match.FULL or child["path_params"]["project"] in self._taken:
            return Match.NONE, {}
        return match, child


@dataclass(frozen=True, slots=True)
class Shortcuts:
    """These come last: what has an address of its own is not looked for among projects.

    `kept` is a view of what is here: an address that is only mistyped may name anything, and
    must not be carried to an upstream as a project's name.
    """

    kept: View
    shelf: Shelf
    gate: Gate
    public_url: str | None
    taken: Collection[str]

    def routes(self) -> list[Route]:
        return [
            Route("/package/", self.home, methods=["GET"]),
            Route("/package/{project}/", self.people, methods=["GET"]),
            Route("/package/{project}", self.people, methods=["GET"]),
            Route("/{project}/json", self.json, methods=["GET"]),
            _Unclaimed("/{project}/", self.page, self.taken),
            _Unclaimed("/{project}", self.page, self.taken),
        ]

    async def home(self, request: Request) -> Response:
        return _see(request, "")

    async def people(self, request: Request) -> Response:
        return _see(request, f"project/{project_name(request.path_params['project'])}/")

    async def page(self, request: Request) -> Response:
        """To the project's page if a file of it is here; else nothing is."""
        index = self.kept.index(request.scope[INDEX])
        await self.gate.reader(index, request.headers.get("authorization"))
        try:
            name = project_name(request.path_params["project"])
            found = (await self.kept.project(index.name, name)).page.files
        except (BadName, NotFound):
            raise HTTPException(HTTPStatus.NOT_FOUND) from None
        if not found:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return _see(request, f"simple/{name}/")

    async def json(self, request: Request) -> Response:
        """Newest version, and each version's files, as MicroPython's upip reads them."""
        index = self.kept.index(request.scope[INDEX])
        await self.gate.reader(index, request.headers.get("authorization"))
        name = project_name(request.path_params["project"])
        page = (await self.shelf.get(index.name, name)).page
        files = () if page.status == QUARANTINED else page.files
        root = base(request.scope, self.public_url)
        prefix = f"{root}/packages/{index.name}/{name}/"
        scope = "public" if self.gate.is_open(index.name) else "private"
        return JSONResponse(_told(files, prefix), headers={"cache-control": f"{scope}, no-cache"})


def _see(request: Request, place: str) -> Response:
    """Redirect to a place of the same index; not for ever, for it is a courtesy."""
    depth = request.scope["path"].count("/") - 1 + request.scope[DEPTH]
    index = f"{request.scope[INDEX]}/" if request.scope[DEPTH] else ""
    return RedirectResponse(f"{'../' * depth or './'}{index}{place}", 303)


def _told(files: tuple[File, ...], prefix: str) -> dict[str, Any]:
    """The files by their versions, the newest first; what is yanked only after all others."""
    found: dict[Version, list[File]] = {}
    for file in files:
        try:
            found.setdefault(parse(file.filename).version, []).append(file)
        except BadName:
            continue
    live = [version for version, of in found.items() if not all(file.yanked for file in of)]
    final = [version for version in live if not version.is_prerelease]
    newest = max(final or live or found, default=None)
    return {
        "info": {"version": str(newest)} if newest else {},
        "releases": {
            str(version): [{"url": href(prefix, file)} for file in found[version]]
            for version in sorted(found, reverse=True)
        },
    }
