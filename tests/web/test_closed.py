"""A closed index at every address that there is: who may not read it learns nothing of it."""

import http.client
from contextlib import closing

import pytest

from tests.docs import markdown
from tests.packages import Built, wheel
from tests.server import Cloche, Reply
from tests.web.forms import upload
from tests.web.tokens import basic

SECTIONS = markdown.sections((markdown.DOCS / "reference" / "http.md").read_text())
ADDRESSES = [
    (row["method"].strip("`"), row["path"].strip("`"))
    for row in markdown.rows(SECTIONS["Addresses"])
    if not row["path"].startswith("`/-/")
]
KINDS = ("application/json", "text/xml", "text/html")
HERE, NOWHERE = wheel("closed-here", "1.0"), wheel("closed-nowhere", "1.0")


@pytest.fixture(scope="module", autouse=True)
def _uploaded(server: Cloche, token: str) -> None:
    assert upload(server.url, HERE, token, "/closed/legacy/").status == 200


def address(path: str, index: str, built: Built) -> str:
    """The address of a distribution, or of its project, in an index."""
    samples = {
        "{index}": index,
        "{project}": built.project,
        "{key}": built.sha256,
        "{filename}": built.filename,
        "{version}": built.version,
        "{path}": "index.html",
        "{python}": "source",
        "{letter}": built.project[0],
        "{head}": built.sha256[:3],
        "{tail}": built.sha256[3:16],
    }
    of_all = "{index}" in path
    for name, sample in samples.items():
        path = path.replace(name, sample)
    return path if of_all else f"/{index}{path}"


def ask(server: Cloche, method: str, path: str, said: dict[str, str]) -> Reply:
    host = server.url.removeprefix("http://")
    with closing(http.client.HTTPConnection(host, timeout=60)) as connection:
        connection.request(method, path, headers=said)
        response = connection.getresponse()
        return Reply(response.status, response.reason, response.headers, response.read())


def told(reply: Reply, built: Built) -> tuple[int, str | None, bytes]:
    """What an answer says, but for the name that was asked for."""
    place = reply.headers.get("location")
    body = reply.body.replace(built.filename.encode(), b"F").replace(built.project.encode(), b"P")
    return reply.status, place and place.replace(built.project, "P"), body


@pytest.mark.parametrize("index", ["closed", "nested"])
@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_strangers_learn_nothing(server: Cloche, method: str, path: str, index: str) -> None:
    """Who shows no token, or a wrong one, is told the same of what is there and what is not."""
    for kind in KINDS:
        for credentials in ({}, basic("cloche_000000000000_wrong")):
            said = {"Accept": kind, "Content-Type": kind, **credentials}
            here, nowhere = (
                ask(server, method, address(path, index, built), said) for built in (HERE, NOWHERE)
            )

            assert here.status in {301, 303, 401, 403, 404, 405}
            assert told(here, HERE) == told(nowhere, NOWHERE)
            assert HERE.sha256.encode() not in here.body


@pytest.mark.parametrize("index", ["closed", "nested"])
def test_readers_are_told(server: Cloche, token: str, index: str) -> None:
    """The addresses are right: with a token many of them answer."""
    answered = {
        path
        for method, path in ADDRESSES
        if method == "GET"
        and ask(server, method, address(path, index, HERE), basic(token)).status == 200
    }

    assert {"/simple/{project}/", "/pypi/{project}/json", "/+api", "/local/"} <= answered
    assert "/packages/{index}/{project}/{key}/{filename}" in answered
