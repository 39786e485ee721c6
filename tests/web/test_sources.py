"""Routes, merged projects and redirects, as a server with such indexes shows them everywhere."""

from collections.abc import Iterator
from pathlib import Path
from xmlrpc.client import ServerProxy

import msgspec
import pytest

from tests.packages import Built, wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.web.answers import listed
from tests.web.forms import upload
from tests.web.tokens import basic, granted

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
SETTINGS = """
[upstream.pypi]
url = "{upstream}"

[index.team]
uploads = true

[index.open]
sources = ["pypi"]

[index.main]
default = true
uploads = true
sources = ["team", "pypi"]
merge = ["so-merged*"]

[[index.main.route]]
projects = ["SO_Private.*"]
sources = ["team"]

[index.sending]
uploads = true
sources = ["team", "pypi"]
fallthrough = "redirect"

[index.closed]
uploads = true
read = ["ada"]

[index.through]
sources = ["open"]

[[index.through.route]]
projects = ["so-secret"]
sources = ["closed"]

[index.alone]
uploads = true
sources = ["pypi"]
fallthrough = "none"
"""


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream
) -> Iterator[Cloche]:
    """Run a server; a test takes project names that no other takes."""
    folder = tmp_path_factory.mktemp("sources")
    config = folder / "cloche.toml"
    config.write_text(SETTINGS.format(upstream=upstream_process.simple))
    with Cloche(folder / "data", config=config) as running:
        yield running


@pytest.fixture(scope="module")
def token(server: Cloche) -> str:
    return granted(server.data, "read", "upload", "admin", index="*")


@pytest.fixture
def merged(server: Cloche, token: str, upstream: Upstream) -> tuple[Built, Built]:
    """A project of which main has one version, and its upstream another."""
    mine, theirs = wheel("so-merged", "1.0"), wheel("so-merged", "2.0")
    upstream.add(theirs)
    assert upload(server.url, mine, token).status == 200
    return mine, theirs


def names(server: Cloche, index: str) -> set[str]:
    body = server.get(f"/{index}/simple/", JSON).body
    return {each["name"] for each in msgspec.json.decode(body)["projects"]}


def test_no_list_has_what_a_route_passes_over(server: Cloche, upstream: Upstream) -> None:
    """What another index keeps of an upstream is told by no list of one that routes past it."""
    upstream.add(wheel("so-private-a", "1.0"))
    upstream.add(wheel("so-public", "1.0"))
    for project in ("so-private-a", "so-public"):
        assert listed(server, project, "open")

    assert {"so-private-a", "so-public"} <= names(server, "open")
    assert "so-public" in names(server, "main")
    for place in ("/main/simple/", "/main/local/", "/rss/packages.xml", "/?q=so-private"):
        assert b"so-private-a" not in server.get(place).body.replace(b'value="so-private', b"")
    with ServerProxy(f"{server.url}/main/pypi") as rpc:
        assert "so-private-a" not in rpc.list_packages()  # type: ignore[operator]  # xmlrpc's types
        changes = str(rpc.changelog_since_serial(0))
    assert "so-public" in changes
    assert "so-private-a" not in changes


def test_a_file_that_a_route_passes_over(server: Cloche, upstream: Upstream) -> None:
    """The address that another index gives to a file leads nowhere in one that routes past it."""
    built = wheel("so-private-b", "1.0")
    upstream.add(built)
    where = f"so-private-b/{built.sha256}/{built.filename}"
    assert server.get(f"/packages/open/{where}").body == built.content
    upstream.forget()

    assert server.get(f"/packages/main/{where}").status == 404
    assert server.get("/main/simple/so-private-b/").status == 404
    assert upstream.requests("/simple/so-private-b/") == []


def test_a_merged_project(server: Cloche, merged: tuple[Built, Built]) -> None:
    """Page, files, metadata and JSON API have every owner's files."""
    mine, theirs = merged
    assert listed(server, "so-merged") == [mine.filename, theirs.filename]
    for built in merged:
        where = f"/packages/main/so-merged/{built.sha256}/{built.filename}"
        assert server.get(where).body == built.content
        assert server.get(f"{where}.metadata").body == built.metadata
    told = msgspec.json.decode(server.get("/pypi/so-merged/json").body)
    assert set(told["releases"]) == {"1.0", "2.0"}
    assert told["info"]["version"] == "2.0"


def test_where_merged_files_come_from(
    server: Cloche, token: str, merged: tuple[Built, Built]
) -> None:
    """The web page and the management API tell each file's origin; the flat page has the own."""
    mine, theirs = merged
    page = server.get("/main/project/so-merged/").body.decode()
    assert "<span>from main</span>" in page
    assert "<span>from pypi</span>" in page

    said = server.get("/-/api/v1/indexes/main/projects/so-merged", basic(token)).body
    told = msgspec.json.decode(said)
    sources = {file["filename"]: file["source"] for file in told["files"]}
    assert sources == {mine.filename: "main", theirs.filename: "pypi"}
    assert told["hosted"] is True

    links = server.get("/+links/").body.decode()
    assert mine.filename in links
    assert theirs.filename not in links


def test_a_merged_page_while_an_owner_is_down(
    server: Cloche, token: str, upstream: Upstream
) -> None:
    """Part of a merged page is no page: 503, with when to ask again."""
    assert upload(server.url, wheel("so-merged-down", "1.0"), token).status == 200
    with upstream.down():
        reply = server.get("/simple/so-merged-down/", JSON)

    assert reply.status == 503
    assert int(reply.headers["retry-after"]) >= 1


def test_falling_through_by_redirect(server: Cloche, token: str, upstream: Upstream) -> None:
    """A name that only the upstream can have is left to the client, for now and not for ever."""
    upstream.add(wheel("so-sent", "1.0"))
    upstream.forget()
    reply = server.get("/sending/simple/so-sent/", JSON)

    assert (reply.status, reply.headers["location"]) == (302, f"{upstream.simple}so-sent/")
    assert reply.headers["cache-control"] == "no-store"
    assert upstream.requests("/simple/so-sent/") == []
    assert upload(server.url, wheel("so-sent", "2.0"), token, "/team/legacy/").status == 200
    assert listed(server, "so-sent", "sending") == [wheel("so-sent", "2.0").filename]


def test_no_falling_through(server: Cloche, upstream: Upstream) -> None:
    """With `none` a name that is not here is unknown, and no upstream hears it."""
    upstream.add(wheel("so-none", "1.0"))
    upstream.forget()

    assert server.get("/alone/simple/so-none/").status == 404
    assert server.get("/pypi/so-none/json").status == 200
    assert server.get("/alone/pypi/so-none/json").status == 404
    assert [one.path for one in upstream.requests("/simple/so-none/")] == ["/simple/so-none/"]


def test_who_may_read_what_a_route_leads_to(server: Cloche, token: str, upstream: Upstream) -> None:
    """An index is as closed as whatever a route of it leads to, for every project alike."""
    built = wheel("so-secret", "1.0")
    assert upload(server.url, built, token, "/closed/legacy/").status == 200
    upstream.forget()
    ada, bob = (
        basic(granted(server.data, "read", index="*", name=name)) for name in ("ada", "bob")
    )

    for project in ("so-secret", "so-other"):
        path = f"/through/simple/{project}/"
        assert (server.get(path).status, server.get(path, bob).status) == (401, 403)
        assert upstream.requests(f"/simple/{project}/") == []
    assert server.get("/through/simple/so-secret/", ada).status == 200
    file = f"/packages/through/so-secret/{built.sha256}/{built.filename}"
    assert (server.get(file).status, server.get(file, ada).body) == (401, built.content)


def test_the_settings_are_told(server: Cloche, tmp_path: Path) -> None:
    """`cloche config check` shows routes, merged projects, and how an index falls through."""
    del tmp_path
    said = server.command("config", "check", str(server.config)).stdout

    assert "          SO_Private.*: team\n" in said
    assert "merges so-merged*" in said
    assert "fallthrough redirect" in said
