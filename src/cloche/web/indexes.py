"""Which index a URL means: `/team/dev/simple/…` is `/simple/…` of index team/dev."""

from collections.abc import Collection

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

INDEX = "cloche.index"
"""Key in the scope: the index's name."""
DEPTH = "cloche.depth"
"""Key in the scope: how many path segments name the index."""

MAX_SEGMENTS = 2


class Indexes:
    """Takes the index's name off the path; without one, the default index is meant."""

    def __init__(self, app: ASGIApp, names: Collection[str], default: str) -> None:
        self._app = app
        self._names = frozenset(names)
        self._default = default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if scope["path"][1:] in self._names and scope["method"] in {"GET", "HEAD"}:
                there = f"{scope['path'].rpartition('/')[2]}/"
                await RedirectResponse(there, 301)(scope, receive, send)
                return
            index, path = self.split(scope["path"])
            depth = index.count("/") + 1 if path is not None else 0
            scope = {
                **scope,
                INDEX: index,
                DEPTH: depth,
                "path": scope["path"] if path is None else path,
            }
        await self._app(scope, receive, send)

    def split(self, path: str) -> tuple[str, str | None]:
        """The index, and the rest of the path if the path names it; else the default, None."""
        segments = path.split("/", MAX_SEGMENTS + 1)[1:]
        for count in range(min(len(segments), MAX_SEGMENTS), 0, -1):
            name = "/".join(segments[:count])
            if name in self._names and path != f"/{name}":
                return name, path[len(name) + 1 :]
        return self._default, None
