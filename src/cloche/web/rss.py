"""PyPI's feeds: the newest projects, the newest releases, and one project's releases."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloche.core.index import Index
from cloche.core.journal import Event, concerning
from cloche.core.model import project_name
from cloche.core.negotiation import Encoding, page_encoding
from cloche.core.releases import Release, releases
from cloche.core.rss import Channel, Item, render
from cloche.ports import Journal, Opening
from cloche.service.shelf import Shelf
from cloche.service.view import View
from cloche.web.gate import Gate
from cloche.web.indexes import INDEX
from cloche.web.origin import base
from cloche.web.simple import all_of, cache_control, conditional, finish, moved

KIND = "application/rss+xml"
MANY = 40  # items of a feed, as PyPI has it


@dataclass(frozen=True, slots=True)
class Feeds:
    view: View
    shelf: Shelf
    journal: Journal
    gate: Gate
    public_url: str | None

    def routes(self) -> list[Route]:
        return [
            Route("/rss/packages.xml", self.packages, methods=["GET"]),
            Route("/rss/updates.xml", self.updates, methods=["GET"]),
            Route("/rss/project/{project}/releases.xml", self.releases, methods=["GET"]),
        ]

    async def packages(self, request: Request) -> Response:
        """Projects that were uploaded, or kept of an upstream, for the first time."""
        return await self._opened(request, "project", "Newest projects")

    async def updates(self, request: Request) -> Response:
        """Versions that were uploaded for the first time."""
        return await self._opened(request, "version", "Newest releases")

    async def releases(self, request: Request) -> Response:
        index = await self._index(request)
        raw: str = request.path_params["project"]
        name = project_name(raw)
        if raw != name:
            return moved(request, f"../{name}/releases.xml")
        shown = await self.shelf.get(index.name, name)
        link = f"{self._root(request, index)}/project/{name}/"
        dated = sorted(releases(shown.page), key=_age, reverse=True)
        items = [
            Item(title=str(r.version), link=link, about=f"{name} {r.version}", at=r.uploaded)
            for r in dated[:MANY]
            if r.version is not None
        ]
        return self._feed(request, index, f"Releases of {name}", link, items)

    async def _opened(self, request: Request, of: Opening, title: str) -> Response:
        index = await self._index(request)
        ways = (await self.view.listing(index.name)).ways
        found = concerning(ways, await self.journal.openings(ways.places, of, MANY))
        there = await self.journal.standings(ways, [entry.project for entry in found])
        root = self._root(request, index)
        items = [_item(entry, root, of) for entry in found if there[entry.project] is not None]
        return self._feed(request, index, title, f"{root}/", items)

    async def _index(self, request: Request) -> Index:
        index = self.view.index(request.scope[INDEX])
        await self.gate.reader(index, request.headers.get("authorization"))
        return index

    def _root(self, request: Request, index: Index) -> str:
        seen = base(request.scope, self.public_url)
        return seen if index.default else f"{seen}/{index.name}"

    def _feed(
        self, request: Request, index: Index, title: str, link: str, items: list[Item]
    ) -> Response:
        about = f"{title} in index {index.name}"
        body = render(Channel(title=title, link=link, about=about, items=tuple(items)))
        encoding: Encoding = page_encoding(all_of(request, "accept-encoding"))
        cache = cache_control(0, is_open=self.gate.is_open(index.name))
        return conditional(request, finish(body, KIND, encoding, cache))


def _item(entry: Event, root: str, of: Opening) -> Item:
    name = entry.project
    return Item(
        title=f"{name} {entry.version}" if of == "version" else f"{name} added",
        link=f"{root}/project/{name}/",
        about=f"{name} {entry.version}" if entry.version else name,
        at=entry.at,
    )


def _age(release: Release) -> float:
    return release.uploaded.timestamp() if release.uploaded else 0.0
