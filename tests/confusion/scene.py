"""A server that keeps private names, and a stranger who has them all at the public index."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.packages import Built, wheel
from tests.server import Cloche, Reply
from tests.upstream.controller import Upstream
from tests.upstream.model import Recorded
from tests.web.forms import upload
from tests.web.tokens import granted

Kind = Literal["uploaded", "corporate", "routed"]
"""Why a name is private: uploaded here, at the private upstream, or named by a route alone."""

SETTINGS = """
[upstream.corporate]
url = "{corporate}"
attempts = 1
connect_timeout = 5
read_timeout = 5
page_timeout = 5

[upstream.pypi]
url = "{pypi}"

[index.main]
default = true
uploads = true
sources = ["corporate", "pypi"]
merge = ["merged-*"]
"""
ROUTE = """
[[index.main.route]]
projects = ["Routed_*"]
sources = ["corporate"]
"""
JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


@dataclass
class Scene:
    """`pypi` is where the stranger is. Whatever arrives there about a private name is a leak."""

    server: Cloche
    corporate: Upstream
    pypi: Upstream
    config: Path
    token: str = ""

    def private(self, kind: Kind, name: str) -> tuple[Built, Built]:
        """Ours and the stranger's. The name begins with its kind."""
        ours, theirs = wheel(f"{kind}-{name}", "1.0"), wheel(f"{kind}-{name}", "99.0")
        self.pypi.add(theirs)
        if kind == "uploaded":
            assert upload(self.server.url, ours, self.token).status == 200
        elif kind == "corporate":
            self.corporate.add(ours)
        return ours, theirs

    def leaks(self, name: str = "") -> list[Recorded]:
        """What the public index heard of the name, however it was written, and of its files."""
        said = re.sub(r"[-_.]+", "-", name).lower()
        return [
            one
            for one in self.pypi.requests()
            if said in re.sub(r"[-_.]+", "-", f"{one.path}?{one.query}").lower()
        ]

    def get(self, path: str, **headers: str) -> Reply:
        return self.server.get(path, headers)

    def follow(self, path: str, **headers: str) -> Reply:
        """Ask as a client does, which follows where it is sent within this server."""
        reply = self.get(path, **headers)
        for _ in range(5):
            if reply.status not in {301, 302, 303, 307, 308}:
                break
            path = _resolved(path, reply.headers["location"])
            reply = self.get(path, **headers)
        return reply


def _resolved(path: str, location: str) -> str:
    assert "://" not in location, location
    parts = path.split("?", maxsplit=1)[0].split("/")[:-1]
    if location.startswith("/"):
        return location
    for piece in location.split("/"):
        if piece == "..":
            parts.pop()
        elif piece != ".":
            parts.append(piece)
    return "/".join(parts)


@contextmanager
def scene(folder: Path, *, route: bool = True) -> Iterator[Scene]:
    with Upstream() as corporate, Upstream() as pypi:
        config = folder / "cloche.toml"
        text = SETTINGS.format(corporate=corporate.simple, pypi=pypi.simple)
        config.write_text(text + (ROUTE if route else ""))
        with Cloche(folder / "data", config=config) as server:
            made = Scene(server, corporate, pypi, config)
            made.token = granted(server.data, "read", "upload", "admin", index="*")
            yield made
