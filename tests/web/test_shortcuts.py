"""Addresses that users of pypiserver, mypi and devpi have written down."""

import json
from urllib.parse import urljoin

import pytest

from tests.packages import sdist, wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.web.forms import upload
from tests.web.tokens import basic

MOVED = {
    "/Short_Cut/": "/simple/short-cut/",
    "/Short_Cut": "/simple/short-cut/",
    "/team/dev/short-cut/": "/team/dev/simple/short-cut/",
    "/team/dev/short-cut": "/team/dev/simple/short-cut/",
    "/package/Short_Cut/": "/project/short-cut/",
    "/package/Short_Cut": "/project/short-cut/",
    "/team/dev/package/short-cut/": "/team/dev/project/short-cut/",
    "/package/": "/",
    "/team/dev/package/": "/team/dev/",
}


@pytest.mark.parametrize("path", MOVED)
def test_where_they_lead(server: Cloche, token: str, path: str) -> None:
    """Each leads to the project's page in the same index, and not for ever."""
    assert upload(server.url, wheel("short-cut", "1.0"), token).status == 200
    reply = server.get(path)

    assert reply.status == 303
    assert urljoin(path, reply.headers["location"]) == MOVED[path]


ABSENT = {
    "/favicon.ico": "favicon-ico",
    "/.env": "env",
    "/%20/": "",
    "/_x": "x",
    "/public-short/": "public-short",
}
"""What leads nowhere, and the project that it may seem to name."""


@pytest.mark.parametrize("path", ABSENT)
def test_what_is_not_here(server: Cloche, upstream: Upstream, path: str) -> None:
    """What browsers, scanners and mistyped addresses ask for is not looked for upstream."""
    upstream.add(wheel("public-short", "1.0"))

    assert server.get(path).status == 404
    assert f"/simple/{ABSENT[path]}/" not in {one.path for one in upstream.requests("/simple/")}


def test_a_closed_index(server: Cloche, token: str) -> None:
    """What is there is told to who may read."""
    assert upload(server.url, wheel("short-in", "1.0"), token, "/closed/legacy/").status == 200

    assert server.get("/closed/short-in/").status == 401
    assert server.get("/closed/short-out/").status == 401
    assert server.get("/closed/short-in/", basic(token)).status == 303


def test_only_reading(server: Cloche) -> None:
    """A shortcut is there for who reads, and none hides what an address is for."""
    assert server.get("/short-cut/", method="DELETE").status == 404
    assert server.get("/legacy/").status == 405


def test_short_json(server: Cloche, token: str) -> None:
    """Upip learns the newest version that is final and not yanked, and where its files are."""
    newest = sdist("short-json", "1.10")
    for built in (sdist("short-json", "1.0"), newest, wheel("short-json", "2.0rc1")):
        assert upload(server.url, built, token, "/team/dev/legacy/").status == 200
    reply = server.get("/team/dev/Short_Json/json")
    said = json.loads(reply.body)

    assert said["info"] == {"version": "1.10"}
    assert list(said["releases"]) == ["2.0rc1", "1.10", "1.0"]
    (file,) = said["releases"]["1.10"]
    assert file["url"].startswith(f"{server.url}/packages/team/dev/short-json/")
    assert server.get(file["url"].removeprefix(server.url)).body == newest.content


def test_short_json_of_a_closed_index(server: Cloche, token: str) -> None:
    """It tells nothing to who may not read the index."""
    assert upload(server.url, sdist("short-closed", "1.0"), token, "/closed/legacy/").status == 200

    assert server.get("/closed/short-closed/json").status == 401
    assert server.get("/closed/short-closed/json", basic(token)).status == 200


def test_download_as_mypi_had_it(server: Cloche, token: str) -> None:
    """Mypi's address of a file gives the file."""
    built = sdist("short-mypi", "1.0")
    assert upload(server.url, built, token).status == 200

    assert server.get(f"/download/short-mypi/{built.filename}/").body == built.content


def test_devpi_s_files(server: Cloche, upstream: Upstream) -> None:
    """A file is found by the beginning of its digest, as devpi's addresses have it."""
    built = wheel("from-devpi", "1.0")
    upstream.add(built)
    place = f"/+f/{built.sha256[:3]}/{built.sha256[3:16]}/{built.filename}"

    for index in ("", "/team/dev"):
        assert server.get(index + place).body == built.content
        assert server.get(f"{index}{place}.metadata").body == built.metadata


def test_devpi_s_other_files(server: Cloche, upstream: Upstream, token: str) -> None:
    """Another digest, a part of one, and what may not be read are not served."""
    built = wheel("from-devpi", "1.0")
    upstream.add(built)
    sha256 = built.sha256
    for head, tail in (("000", sha256[3:16]), (sha256[:3], ""), (sha256[:3], sha256[3:8])):
        assert server.get(f"/+f/{head}/{tail}/{built.filename}").status == 404
    other = "from_devpi-2.0-py3-none-any.whl"
    assert server.get(f"/+f/{sha256[:3]}/{sha256[3:16]}/{other}").status == 404
    closed = wheel("from-devpi-closed", "1.0")
    assert upload(server.url, closed, token, "/closed/legacy/").status == 200
    place = f"/closed/+f/{closed.sha256[:3]}/{closed.sha256[3:16]}/{closed.filename}"
    assert server.get(place).status == 401
    assert server.get(place, basic(token)).body == closed.content


def test_devpi_use(server: Cloche) -> None:
    """Devpi's client is told where to install from and upload to; paths are the server's."""
    reply = server.get("/team/dev/+api", {"Accept": "application/json"})
    said = json.loads(reply.body)

    assert said["type"] == "apiconfig"
    assert said["result"]["simpleindex"] == "/team/dev/+simple/"
    assert server.get(said["result"]["simpleindex"]).status == 200
    assert said["result"]["pypisubmit"] == "/team/dev/"
    assert json.loads(server.get("/frozen/+api").body)["result"]["pypisubmit"] is None
    assert server.get("/closed/+api").status == 401


def test_devpi_s_index(server: Cloche, token: str) -> None:
    """Devpi's client is told what an index draws on and holds; a browser gets the page."""
    assert upload(server.url, wheel("devpi-listed", "1.0"), token).status == 200
    asked = {"Accept": "application/json"}
    said = json.loads(server.get("/team/dev/", asked).body)

    assert said["type"] == "indexconfig"
    assert (said["result"]["type"], said["result"]["bases"]) == ("stage", ["main"])
    assert "devpi-listed" in said["result"]["projects"]
    assert "projects" not in json.loads(server.get("/?no_projects=", asked).body)["result"]
    assert server.get("/closed/", asked).status == 401
    assert server.get("/", {"Accept": "text/html,application/json;q=0.9"}).body.startswith(b"<!")
