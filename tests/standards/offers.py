"""A project that the server offers, and its pages as two independent readers understand them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import html5lib
import msgspec
from pypi_simple import IndexPage, ProjectPage

from tests.packages import Built
from tests.server import Cloche, Reply
from tests.upstream.controller import Upstream
from tests.web.forms import upload

JSON = "application/vnd.pypi.simple.v1+json"
HTML_V1 = "application/vnd.pypi.simple.v1+html"
HTML = "text/html"


@dataclass(frozen=True, slots=True)
class Anchor:
    text: str
    href: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Document:
    """An HTML page that an HTML5 parser found nothing wrong with."""

    anchors: list[Anchor]
    metas: dict[str, str]


@dataclass(frozen=True, slots=True)
class Offers:
    """A project, uploaded to the server or listed by its upstream."""

    server: Cloche
    token: str
    upstream: Upstream
    name: str
    hosted: bool

    @property
    def place(self) -> str:
        return f"/simple/{self.name}/"

    def add(self, built: Built) -> Built:
        """Make the server offer a distribution of this project."""
        if self.hosted:
            reply = upload(self.server.url, built, self.token)
            assert reply.status == 200, reply.body
        else:
            self.upstream.add(built)
        return built

    def ask(self, accept: str = JSON, headers: Mapping[str, str] | None = None) -> Reply:
        return self.server.get(self.place, {"Accept": accept, **(headers or {})})

    def json(self) -> dict[str, Any]:
        """The JSON page, which pypi-simple reads without complaint."""
        reply = self.ask(JSON)
        assert reply.status == 200, reply.body
        said: dict[str, Any] = msgspec.json.decode(reply.body)
        read = ProjectPage.from_json_data(said, self.server.url + self.place)
        assert [package.filename for package in read.packages] == [
            file["filename"] for file in said["files"]
        ]
        return said

    def files(self) -> dict[str, dict[str, Any]]:
        """The entries of the JSON page by their filenames."""
        return {file["filename"]: file for file in self.json()["files"]}

    def file(self) -> dict[str, Any]:
        """The only entry of the JSON page."""
        [file] = self.json()["files"]
        return dict(file)

    def html(self) -> Document:
        """The HTML page, which pypi-simple reads as html5lib does."""
        reply = self.ask(HTML)
        assert reply.status == 200, reply.body
        found = document(reply.body)
        read = ProjectPage.from_html(self.name, reply.body.decode())
        assert [(package.filename, package.url) for package in read.packages] == [
            (anchor.text, anchor.href.partition("#")[0]) for anchor in found.anchors
        ]
        return found

    def anchor(self) -> Anchor:
        """The only link of the HTML page."""
        [anchor] = self.html().anchors
        return anchor

    def links(self) -> list[str]:
        """Where the only file lies, by both pages."""
        return [self.path(self.file()["url"]), self.path(self.anchor().href)]

    def path(self, link: str) -> str:
        """The path on the server that a link of the page leads to."""
        return urljoin(self.place, link).partition("#")[0]


def document(body: bytes) -> Document:
    """Read a page as HTML5; ParseError when anything in it is not as the standard wants."""
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(body)
    return Document(
        anchors=[
            Anchor("".join(a.itertext()), a.attrib["href"], dict(a.attrib)) for a in tree.iter("a")
        ],
        metas={
            meta.attrib["name"]: meta.attrib["content"]
            for meta in tree.iter("meta")
            if "name" in meta.attrib
        },
    )


def root(server: Cloche) -> tuple[dict[str, Any], Document]:
    """The list of projects in both formats; pypi-simple and html5lib agree on it."""
    json = server.get("/simple/", {"Accept": JSON})
    html = server.get("/simple/", {"Accept": HTML})
    assert (json.status, html.status) == (200, 200)
    said: dict[str, Any] = msgspec.json.decode(json.body)
    found = document(html.body)
    names = [project["name"] for project in said["projects"]]
    assert IndexPage.from_json_data(said).projects == names
    assert IndexPage.from_html(html.body.decode()).projects == names
    assert [anchor.text for anchor in found.anchors] == names
    return said, found
