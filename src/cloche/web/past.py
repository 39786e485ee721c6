"""`/as-of/{when}/`: an index as it was, to read and to install from."""

import asyncio
from dataclasses import dataclass

from msgspec import Raw, structs
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloche.core.errors import NoSuchFile
from cloche.core.model import Page, Unknown, file_key, project_name
from cloche.core.negotiation import Encoding, Format
from cloche.core.provenance import unaddressed
from cloche.core.wire import render_page, render_projects
from cloche.service.past import Past, Times
from cloche.service.shelf import Rendered, Shown
from cloche.web.files import Packages
from cloche.web.indexes import INDEX
from cloche.web.simple import conditional, finish, moved, render_key, wishes

ROOT = "/as-of/{when}"
A_YEAR = "max-age=31536000, immutable"
RECONSTRUCTED = "x-cloche-reconstructed"
"""The header of a page of a time at which this server had not looked yet."""


@dataclass(frozen=True, slots=True)
class AsOf:
    times: Times
    packages: Packages

    def routes(self) -> list[Route]:
        return [
            Route(f"{ROOT}/simple", self.root, methods=["GET"]),
            Route(f"{ROOT}/simple/", self.projects, methods=["GET"]),
            Route(f"{ROOT}/simple/{{project}}", self.slash, methods=["GET"]),
            Route(f"{ROOT}/simple/{{project}}/", self.project, methods=["GET"]),
            Route(f"{ROOT}/packages/{{project}}/{{key}}/{{filename}}", self.file, methods=["GET"]),
        ]

    async def root(self, request: Request) -> Response:
        return moved(request, "simple/")

    async def slash(self, request: Request) -> Response:
        return moved(request, f"{project_name(request.path_params['project'])}/")

    async def projects(self, request: Request) -> Response:
        """The names of what had been uploaded, or was kept of an upstream."""
        index, past = await self._past(request)
        form, encoding = wishes(request)
        key = (index, form, encoding)
        found = past.lists.get(key)
        if found is None:
            names = await past.view.projects(index)
            cache = self._cache(past, index)
            found = await asyncio.to_thread(
                lambda: finish(render_projects(names, form), form, encoding, cache)
            )
            past.lists[key] = found
        return conditional(request, found)

    async def project(self, request: Request) -> Response:
        index, past = await self._past(request)
        raw: str = request.path_params["project"]
        name = project_name(raw)
        if raw != name:  # PEP 503: one project, one URL
            return moved(request, f"../{name}/")
        shown = await past.shelf.get(index, name)
        shown.sight.check_shown(index)
        return conditional(request, await self._rendered(past, shown, *wishes(request)))

    async def file(self, request: Request) -> Response:
        index, past = await self._past(request)
        said = request.path_params
        name, key = project_name(said["project"]), file_key(said["key"])
        wanted = await past.find(index, name, key, said["filename"])
        try:
            return await self.packages.answer(request, past.view.index(index), wanted)
        except NoSuchFile as e:
            raise NoSuchFile(
                f"{e.detail}; it was deleted since, and only a snapshot keeps what is deleted"
            ) from None

    async def _past(self, request: Request) -> tuple[str, Past]:
        """Ask the gate, and only then what moment is meant."""
        index = self.packages.view.index(request.scope[INDEX])
        await self.packages.gate.reader(index, request.headers.get("authorization"))
        return index.name, await self.times.at(index.name, request.path_params["when"])

    async def _rendered(
        self, past: Past, shown: Shown, form: Format, encoding: Encoding
    ) -> Rendered:
        key = render_key(form, encoding, 0)
        found = shown.renders.get(key)
        if found is None:
            found = await asyncio.to_thread(self._render, past, shown, form, encoding)
            shown.renders[key] = found
            past.shelf.grew(shown)
        return found

    def _render(self, past: Past, shown: Shown, form: Format, encoding: Encoding) -> Rendered:
        guessed = _is_reconstructed(shown)
        # Where provenance lies now is not of the page.
        page = unaddressed(_marked(shown.page) if guessed else shown.page)
        prefix = f"../../packages/{page.name}/"
        body = render_page(page, form, prefix)
        cache = self._cache(past, shown.index)
        made = finish(body, form, encoding, cache, serial=shown.sight.told)
        return _headed(made) if guessed else made

    def _cache(self, past: Past, index: str) -> str:
        scope = "public" if self.packages.gate.is_open(index) else "private"
        return f"{scope}, {A_YEAR if past.lasting(index) else 'no-cache'}"


def _is_reconstructed(shown: Shown) -> bool:
    """Whether any owner's page is from before it was first looked at: no entry has brought it."""
    return 0 in shown.sight.serials.values()


def _marked(page: Page) -> Page:
    """The page as it says itself that it is worked out from upload times."""
    said = page.unknown or Unknown()
    meta = {**(said.meta or {}), "_reconstructed": Raw(b"true")}
    metas = {**(said.metas or {}), "cloche:reconstructed": "true"}
    return structs.replace(page, unknown=structs.replace(said, meta=meta, metas=metas))


def _headed(rendered: Rendered) -> Rendered:
    headers = (*rendered.headers, (RECONSTRUCTED.encode(), b"true"))
    head = rendered.head + f"{RECONSTRUCTED}: true\r\n".encode()
    return Rendered(rendered.body, rendered.etag, headers, head)
