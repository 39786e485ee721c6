"""A bandersnatch mirror: what its pages list of `web/packages`, with what its JSON says of it."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from cloche.core.errors import Error
from cloche.core.model import File, Page, ProjectName, project_name
from cloche.core.negotiation import Format
from cloche.core.wire import read_page
from cloche.ports import Document, Find, Left, Lot
from cloche.stocks._places import Place, found, members

MAX_PAGE = 256 << 20  # bytes
MAX_FILES = 1_000_000  # of one project
ANYWHERE = "http://mirror.invalid/simple/project/"
"""What links within the mirror are relative to: only the path counts that comes out of it.

Not https: from there links may not lead to http."""

_PAGES = (("index.v1_json", Format.JSON), ("index.html", Format.HTML))


async def fits(place: Place) -> bool:
    return await _web(place) is not None


async def _web(place: Place) -> str | None:
    """The folder that is served: `web`, or the place itself."""
    for web in ("web", ""):
        inside = {name async for name in place.folders(web)}
        if {"simple", "packages"} <= inside:
            return web
    return None


async def lots(place: Place, part: str | None) -> AsyncIterator[Lot]:  # noqa: ARG001 - every kind's signature
    """A project each. What lies in `packages` and no page lists was removed upstream."""
    mirror = _Mirror(place, await _web(place) or "")
    async for folder in mirror.projects():
        yield await mirror.lot(folder)


@dataclass(frozen=True, slots=True)
class _Mirror:
    place: Place
    web: str

    def at(self, path: str) -> str:
        return f"{self.web}/{path}" if self.web else path

    async def projects(self) -> AsyncIterator[str]:
        """Their folders below `simple`: with `hash-index`, one deeper."""
        async for name in self.place.folders(self.at("simple")):
            deeper = False
            if len(name) == 1 and await self._page_in(name) is None:
                async for inside in self.place.folders(self.at(f"simple/{name}")):
                    deeper = True
                    yield f"{name}/{inside}"
            if not deeper:
                yield name

    async def _page_in(self, folder: str) -> tuple[bytes, Format] | None:
        for name, form in _PAGES:
            body = await self.place.read(self.at(f"simple/{folder}/{name}"), MAX_PAGE)
            if body is not None:
                return body, form
        return None

    async def lot(self, folder: str) -> Lot:
        try:
            project = project_name(folder.rpartition("/")[2])
            said, shown = await self._said(project), await self._shown(folder)
            told = _parsed(project, said) if said else None
            listed = _parsed(project, shown) if shown else told
        except Error as e:
            return Lot(left=(Left(self.at(f"simple/{folder}"), e.detail),))
        facts = {file.filename: file for file in told.files} if told else {}
        files = listed.files if listed else ()
        finds = [await self._find(file, facts.get(file.filename, file)) for file in files]
        return Lot(
            # What is yanked last: a file that joins a version all yanked is yanked with it.
            finds=tuple(sorted((f for f in finds if f is not None), key=lambda f: bool(f.yanked))),
            project=project,
            page=said or shown,
        )

    async def _find(self, file: File, told: File) -> Find | None:
        """Filters may have kept it out, though it is listed."""
        path = unquote(urlsplit(file.url).path)
        at = path.rfind("/packages/")
        entry = await self.place.find(self.at(path[at + 1 :])) if at >= 0 else None
        if entry is None or entry.name != file.filename:
            return None
        return found(
            entry,
            hashes={**file.hashes, **told.hashes},
            uploaded_at=told.upload_time or file.upload_time,
            yanked=told.yanked or file.yanked,
        )

    async def _shown(self, folder: str) -> Document | None:
        page = await self._page_in(folder)
        return Document(body=page[0], content_type=page[1], url="") if page else None

    async def _said(self, project: ProjectName) -> Document | None:
        """PyPI's JSON of the project, said as its page says it; None where it names no file."""
        body = await self.place.read(self.at(f"json/{project}"), MAX_PAGE)
        if body is None:
            return None
        files = list(_entries(members(body)))
        if not files:
            return None
        page = {"meta": {"api-version": "1.1"}, "name": project, "files": files}
        return Document(body=msgspec.json.encode(page), content_type=Format.JSON, url="")


def _parsed(project: ProjectName, document: Document) -> Page:
    return read_page(project, document.body, document.content_type, ANYWHERE, max_files=MAX_FILES)


def _entries(said: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    releases = said.get("releases")
    for files in releases.values() if isinstance(releases, dict) else ():
        for file in files if isinstance(files, list) else ():
            if isinstance(file, dict):
                yield _entry(file)


def _entry(file: Mapping[str, Any]) -> dict[str, Any]:
    yanked, digests = file.get("yanked") or False, _object(file.get("digests"))
    sha256 = digests.get("sha256")  # PyPI's page has no other
    entry = {
        "filename": file.get("filename"),
        "url": file.get("url"),
        "hashes": {"sha256": sha256} if sha256 else digests,
        "size": file.get("size"),
        "upload-time": file.get("upload_time_iso_8601"),
        "requires-python": file.get("requires_python"),
        "yanked": (file.get("yanked_reason") or True) if yanked else False,
        "core-metadata": file.get("core-metadata"),
    }
    return {name: value for name, value in entry.items() if value is not None}


def _object(said: Any) -> dict[str, Any]:
    return said if isinstance(said, dict) else {}
