"""`/+links/`: one flat page of all uploaded files, for `--find-links`."""

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloche.core.errors import Denied, NotFound, TooLarge
from cloche.core.index import Index
from cloche.core.model import ProjectName
from cloche.core.provenance import unaddressed
from cloche.core.wire import QUARANTINED, html_entry
from cloche.service.kept import Kept
from cloche.web.gate import Gate
from cloche.web.indexes import DEPTH, INDEX
from cloche.web.stream import Stream

MAX_PROJECTS = 50_000  # each is looked at for each page: some seconds
HEAD = (
    b'<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
    b"<title>Links</title>\n</head>\n<body>\n"
)
END = b"</body>\n</html>\n"


@dataclass(frozen=True, slots=True)
class Links:
    kept: Kept
    gate: Gate

    def routes(self) -> list[Route]:
        return [
            Route("/+links/", self.page, methods=["GET"]),
            Route("/packages/", self.page, methods=["GET"]),
        ]

    async def page(self, request: Request) -> Response:
        """Every file that was uploaded to the index, or to one that it draws on."""
        index = self.kept.view.index(request.scope[INDEX])
        await self.gate.reader(index, request.headers.get("authorization"))
        names = await self.kept.uploaded(index.name)
        if len(names) > MAX_PROJECTS:
            raise TooLarge(f"index {index.name} has too many projects for one page; use /simple/")
        up = "../" * (1 + request.scope[DEPTH])
        own = f"{up}{index.name}/" if request.scope[DEPTH] else up
        scope = "public" if self.gate.is_open(index.name) else "private"
        headers = {
            "content-type": "text/html; charset=utf-8",
            "cache-control": f"{scope}, no-cache",
        }
        if request.method == "HEAD":
            return Response(None, 200, headers)
        return Stream(self._written(index, names, own), 200, headers)

    async def _written(
        self, index: Index, names: Iterable[ProjectName], root: str
    ) -> AsyncGenerator[bytes, None]:
        """Written as it is read: a page of any length takes the memory of one project."""
        yield HEAD
        for name in names:
            try:
                sight = await self.kept.view.project(index.name, name)
            except (NotFound, Denied):
                continue  # it was deleted meanwhile, or is not to be had
            if sight.page.status != QUARANTINED:
                files = unaddressed(sight.page).files
                ours = (file for file in files if sight.origin(file.filename).hosted)
                entries = (html_entry(file, f"{root}local/{name}/") for file in ours)
                yield "".join(entries).encode()
        yield END
