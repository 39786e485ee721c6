"""`/local/`: what is kept, and nobody asked."""

import json
from http import HTTPStatus
from urllib.parse import urljoin

import pytest

from tests.packages import Built, wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.waiting import until
from tests.web.forms import upload
from tests.web.tokens import basic

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


def listed(server: Cloche, path: str, headers: dict[str, str] | None = None) -> dict[str, str]:
    """Filenames and their addresses on a page."""
    reply = server.get(path, {**JSON, **(headers or {})})
    assert reply.status == 200, reply.body
    return {file["filename"]: file["url"] for file in json.loads(reply.body)["files"]}


def fetch(server: Cloche, built: Built) -> None:
    """Let the server keep the file, and wait until that is recorded."""
    assert server.get(address(server, built)).body == built.content
    until(lambda: server.get(f"/local/{built.project}/").status == HTTPStatus.OK)


def address(server: Cloche, built: Built) -> str:
    page = f"/simple/{built.project}/"
    return urljoin(page, listed(server, page)[built.filename])


@pytest.fixture
def kept(server: Cloche, upstream: Upstream) -> Built:
    """A project of two files, one of which is kept."""
    built = wheel("local-kept", "1.0", requires_python=">=3.8")
    upstream.add(built)
    upstream.add(wheel("local-kept", "2.0"))
    fetch(server, built)
    upstream.forget()
    return built


def test_files_that_are_kept(server: Cloche, kept: Built, upstream: Upstream) -> None:
    """A page lists what is kept and nothing else, and neither it nor its files ask anybody."""
    (file,) = listed(server, f"/local/{kept.project}/").items()
    reply = server.get(f"/local/{kept.project}/{file[1]}")

    assert file[0] == kept.filename
    assert reply.body == kept.content
    assert reply.headers["etag"] == f'"{kept.sha256}"'
    assert upstream.requests("/simple/local-kept/") == []


def test_without_the_upstream(server: Cloche, kept: Built, upstream: Upstream) -> None:
    """What is kept is there at once while the upstream is down."""
    with upstream.down():
        (url,) = listed(server, f"/local/{kept.project}/").values()
        assert server.get(f"/local/{kept.project}/{url}").body == kept.content


def test_what_is_deleted_upstream_stays(server: Cloche, upstream: Upstream) -> None:
    """A file that was kept and is listed no longer is in the local index still."""
    built = wheel("local-deleted", "1.0")
    upstream.project("local-deleted", max_age=0)
    upstream.add(built)
    upstream.add(wheel("local-deleted", "2.0"))
    fetch(server, built)
    upstream.remove(built)
    until(lambda: built.filename not in listed(server, "/simple/local-deleted/"))

    (url,) = listed(server, "/local/local-deleted/").values()
    assert server.get(f"/local/local-deleted/{url}").body == built.content


def test_metadata_that_is_kept(server: Cloche, upstream: Upstream) -> None:
    """Metadata is offered when it is kept as well, and else not."""
    built = wheel("local-metadata", "1.0")
    upstream.add(built)
    fetch(server, built)
    assert server.get(f"{address(server, built)}.metadata").body == built.metadata
    upstream.forget()

    (url,) = listed(server, "/local/local-metadata/").values()
    assert server.get(f"/local/local-metadata/{url}.metadata").body == built.metadata
    assert upstream.requests("/simple/local-metadata/") == []


def test_unknown_projects(server: Cloche, upstream: Upstream) -> None:
    """A project of which nothing is kept is 404, also one that the upstream has."""
    upstream.add(wheel("local-unfetched", "1.0"))
    assert server.get("/simple/local-unfetched/").status == 200
    upstream.forget()

    assert server.get("/local/local-unfetched/").status == 404
    assert server.get("/local/local-unheard-of/").status == 404
    assert upstream.requests("/simple/local-un") == []


def test_uploads(server: Cloche, token: str) -> None:
    """What was uploaded is here, in every index that shows it, and under its own rules."""
    built = wheel("local-uploaded", "1.0")
    assert upload(server.url, built, token, "/team/dev/legacy/").status == 200
    (url,) = listed(server, "/team/dev/local/local-uploaded/").values()

    assert server.get(f"/team/dev/local/local-uploaded/{url}").body == built.content
    assert server.get("/local/local-uploaded/").status == 404


def test_who_may_read(server: Cloche, token: str) -> None:
    """The local index is read by whoever may read the index."""
    built = wheel("local-closed", "1.0")
    assert upload(server.url, built, token, "/closed/legacy/").status == 200

    for path in ("/closed/local/", "/closed/local/local-closed/"):
        assert server.get(path).status == 401
        assert server.get(path, basic(token)).status == 200
    (url,) = listed(server, "/closed/local/local-closed/", basic(token)).values()
    assert server.get(f"/closed/local/local-closed/{url}").status == 401


def test_the_list(server: Cloche, kept: Built, token: str) -> None:
    """The list names the projects of which something is here."""
    assert upload(server.url, wheel("local-listed", "1.0"), token).status == 200
    reply = server.get("/local/", JSON)
    names = [project["name"] for project in json.loads(reply.body)["projects"]]

    assert {kept.project, "local-listed"} <= set(names)
    assert "local-unfetched" not in names


def test_moved(server: Cloche) -> None:
    """Names and addresses have one form each, as those of the simple index."""
    for path, there in (
        ("/local", "local/"),
        ("/local/demo", "demo/"),
        ("/local/De_Mo/", "../de-mo/"),
    ):
        reply = server.get(path)
        assert (reply.status, reply.headers["location"]) == (301, there)
