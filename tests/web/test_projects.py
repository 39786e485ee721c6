"""The root page over the wire: every project, in each format and encoding, at once."""

import gzip
from typing import Any
from urllib.parse import urljoin

import msgspec
import pytest

from tests.packages import wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.waiting import until
from tests.web.forms import upload
from tests.web.tokens import basic

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


def projects(server: Cloche, index: str = "main", **headers: str) -> dict[str, int]:
    reply = server.get(f"/{index}/simple/", {**JSON, **headers})
    assert reply.status == 200
    said: dict[str, Any] = msgspec.json.decode(reply.body)
    # An empty journal has no serial to tell.
    assert str(said["meta"]["_last-serial"]) == reply.headers.get("x-pypi-last-serial", "0")
    return {project["name"]: project["_last-serial"] for project in said["projects"]}


def agreed(server: Cloche, name: str) -> bool:
    """Whether the list has the project, with the serial that its page names."""
    page = server.get(f"/simple/{name}/").headers["x-pypi-last-serial"]
    return str(projects(server).get(name)) == page


def published(server: Cloche, token: str, name: str, version: str = "1.0") -> None:
    assert upload(server.url, wheel(name, version), token).status == 200


def test_each_upload_is_on_the_next_list(server: Cloche, token: str) -> None:
    """A project is listed with the serial that its page names, as soon as its upload is done."""
    for version in ("1.0", "2.0", "3.0"):
        published(server, token, "ro-next", version)
        page = server.get("/simple/ro-next/")
        for _ in range(3):
            assert str(projects(server)["ro-next"]) == page.headers["x-pypi-last-serial"]


def test_a_kept_project_is_listed(server: Cloche, upstream: Upstream) -> None:
    """A proxied project is on the list once it was asked for."""
    upstream.add(wheel("ro-kept", "1.0"))
    assert "ro-kept" not in projects(server)
    server.get("/simple/ro-kept/")

    until(lambda: agreed(server, "ro-kept"))  # what is learned of it meanwhile moves both


def test_what_was_learned_moves_page_and_list_alike(server: Cloche, upstream: Upstream) -> None:
    """A fact that a page gains when a file is fetched is a change on the list too."""
    upstream.add(wheel("ro-learned", "1.0"), hashes={})
    place = "/simple/ro-learned/"
    [file] = msgspec.json.decode(server.get(place, JSON).body)["files"]
    before = server.get(place).headers["x-pypi-last-serial"]
    assert server.get(urljoin(place, file["url"])).status == 200
    until(lambda: int(server.get(place).headers["x-pypi-last-serial"]) > int(before))

    until(lambda: agreed(server, "ro-learned"))


@pytest.mark.parametrize("accept", ["text/html", JSON["Accept"]])
def test_encodings_carry_the_same_list(server: Cloche, token: str, accept: str) -> None:
    """Compressed or not, it is the same list, with an ETag and a length of its own."""
    published(server, token, "ro-encoded")
    for _ in range(3):
        plain = server.get("/simple/", {"Accept": accept})
        packed = server.get("/simple/", {"Accept": accept, "Accept-Encoding": "gzip, deflate"})
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed.body) == plain.body
        assert plain.headers["content-length"] == str(len(plain.body))
        assert plain.headers["etag"] != packed.headers["etag"]
        assert b"ro-encoded" in plain.body


def test_zstd_is_answered_in_gzip(server: Cloche) -> None:
    """Who takes both gets the encoding in which the list is kept; who takes zstd alone, neither."""
    both = server.get("/simple/", {"Accept-Encoding": "gzip, zstd"})
    alone = server.get("/simple/", {"Accept-Encoding": "zstd"})

    assert both.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in alone.headers


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_it_is_revalidated(server: Cloche, token: str, encoding: str) -> None:
    """The list is asked for again by its ETag until it changes."""
    said = {**JSON, "Accept-Encoding": encoding}
    published(server, token, f"ro-again-{encoding}")
    etag = server.get("/simple/", said).headers["etag"]
    for _ in range(3):
        same = server.get("/simple/", {**said, "If-None-Match": etag})
        assert (same.status, same.body, same.headers["etag"]) == (304, b"", etag)
    published(server, token, f"ro-again-{encoding}", "2.0")

    assert server.get("/simple/", {**said, "If-None-Match": etag}).status == 200


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_head_says_what_get_says(server: Cloche, encoding: str) -> None:
    """HEAD brings the headers alone."""
    said = {**JSON, "Accept-Encoding": encoding}
    get, head = (server.get("/simple/", said, method) for method in ("GET", "HEAD"))

    assert head.body == b""
    assert head.headers["content-length"] == get.headers["content-length"]
    assert head.headers["etag"] == get.headers["etag"]


def test_a_closed_list_stays_closed(server: Cloche, token: str) -> None:
    """Whoever may not read an index is not told its projects, asked for before or not."""
    for _ in range(3):
        assert server.get("/closed/simple/", JSON).status == 401
        assert server.get("/closed/simple/", {**JSON, **basic(token)}).status == 200
