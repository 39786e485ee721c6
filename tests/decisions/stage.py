"""A real server between a private upstream and one that stands for PyPI, and what it answers."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tests.decisions.cells import Answer, Cell
from tests.packages import Built, wheel
from tests.server import Cloche, Reply
from tests.upstream.controller import Upstream
from tests.waiting import until
from tests.web.forms import upload
from tests.web.tokens import basic, granted

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
HTML = {"Accept": "text/html"}

SETTINGS = """
[server]
prefetch = 0  # what is asked for ahead is another's story

[upstream.partner]
url = "{partner}"
attempts = 1

[upstream.partner.freshness]
absent = 0

[upstream.pypi]
url = "{pypi}"

[index.main]
default = true
uploads = true
sources = ["partner", "pypi"]

[[index.main.route]]
projects = ["dt-to-partner-*"]
sources = ["partner"]

[[index.main.rule]]
kind = "cooldown"
name = "denies"
days = 36500
projects = ["dt-*-denies-*"]

[[index.main.rule]]
kind = "cooldown"
name = "hides"
effect = "hide"
days = 36500
projects = ["dt-*-hides-*"]

[index.closed]
sources = ["main"]
read = ["ada"]
"""


@dataclass(frozen=True)
class Stage:
    server: Cloche
    partner: Upstream
    pypi: Upstream
    owner_s: str  # tokens
    ada_s: str
    bob_s: str

    def answer(self, cell: Cell) -> Answer:
        """Make it so, then ask for all that there is to ask."""
        mine, stranger = wheel(cell.project, "1.0"), wheel(cell.project, "99.0")
        self._set(cell, mine, stranger)
        with self.partner.down() if cell.state.startswith("down") else nullcontext():
            if cell.state == "down, kept" and cell.owner == "PyPI":
                # That the partner has no such project is believed for a moment.
                until(lambda: self.server.get(self._page(cell)).status not in {200, 403})
            return self._asked(cell, mine, stranger)

    def _set(self, cell: Cell, mine: Built, stranger: Built) -> None:
        if cell.owner != "nobody":
            self.pypi.add(stranger)
        if cell.owner == "own upload":
            assert upload(self.server.url, mine, self.owner_s).status == 200
        if cell.state == "lists no file":
            self.partner.project(cell.project)
        elif cell.owner == "partner":
            self.partner.add(mine)
        if cell.state == "down, kept":
            self.server.get(self._page(cell))
            for path in (self._file(cell, mine), self._file(cell, stranger)):
                self.server.get(path)
                self.server.get(f"{path}.metadata")
        self.pypi.forget()
        self.partner.forget()

    def _asked(self, cell: Cell, mine: Built, stranger: Built) -> Answer:
        page = self.server.get(self._page(cell), JSON)
        file = self._both(self._file(cell, mine))
        strangers = self._both(self._file(cell, stranger))
        self._check_agreement(cell, page)
        return Answer(
            page=page.status,
            page_of=_owner(page, mine, stranger),
            file=file if cell.owner in {"own upload", "partner"} or cell.right == "no" else None,
            strangers=strangers if cell.owner != "nobody" or cell.right == "no" else None,
            asked=bool(self.pypi.requests()),
        )

    def _both(self, path: str) -> int:
        """A file's status, which is its metadata's too."""
        file, beside = (self.server.get(each).status for each in (path, f"{path}.metadata"))
        assert file == beside
        return file

    def _check_agreement(self, cell: Cell, page: Reply) -> None:
        """Every other way to ask has the same answer."""
        assert self.server.get(self._page(cell), HTML).status == page.status
        if cell.right == "no":
            other = self.server.get(self._page(cell), {**JSON, **basic(self.bob_s)})
            assert (other.status, page.status) == (403, 401)
            assert self.partner.requests() == []
            return
        through = self.server.get(f"/closed/simple/{cell.project}/", {**JSON, **basic(self.ada_s)})
        assert (through.status, _names(through)) == (page.status, _names(page))
        told = self.server.get(f"/pypi/{cell.project}/json")
        if page.status in {200, 403}:  # what is withheld whole has no release (decision 0039)
            assert (told.status, _released(told)) == (200, set(_names(page)))
        else:
            assert told.status == page.status

    def _index(self, cell: Cell) -> str:
        return "main" if cell.right == "yes" else "closed"

    def _page(self, cell: Cell) -> str:
        return f"/{self._index(cell)}/simple/{cell.project}/"

    def _file(self, cell: Cell, built: Built) -> str:
        return f"/packages/{self._index(cell)}/{cell.project}/{built.sha256}/{built.filename}"


def _names(page: Reply) -> list[str]:
    if page.status != 200:
        return []
    return [file["filename"] for file in msgspec.json.decode(page.body)["files"]]


def _released(document: Reply) -> set[str]:
    """The files of all releases that a document of PyPI's JSON API has."""
    releases = msgspec.json.decode(document.body)["releases"]
    return {file["filename"] for files in releases.values() for file in files}


def _owner(page: Reply, mine: Built, stranger: Built) -> str:
    """Whose files the page has; it never has both."""
    if page.status != 200:
        return ""
    return {(mine.filename,): "the owner's", (stranger.filename,): "PyPI's", (): "no file"}[
        tuple(_names(page))
    ]


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    with Upstream() as partner, Upstream() as pypi:
        config = folder / "cloche.toml"
        config.write_text(SETTINGS.format(partner=partner.simple, pypi=pypi.simple))
        with Cloche(folder / "data", config=config) as server:
            owner_s, ada_s, bob_s = (
                granted(server.data, *can, index="*", name=name)
                for name, can in (("owner", ["upload"]), ("ada", ["read"]), ("bob", ["read"]))
            )
            yield Stage(server, partner, pypi, owner_s, ada_s, bob_s)
