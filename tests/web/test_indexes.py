"""Which index an address means."""

import msgspec
import pytest

from cloche.web.indexes import Indexes
from tests.packages import wheel
from tests.server import Cloche
from tests.web.forms import upload


async def nothing(*_: object) -> None:
    """An application that is never asked."""


SPLIT = Indexes(nothing, ["main", "team", "team/dev", "a.b"], "main").split


@pytest.mark.parametrize(
    ("path", "index", "rest"),
    [
        ("/", "main", None),
        ("/simple/", "main", None),
        ("/simple/team/", "main", None),
        ("/main/", "main", "/"),
        ("/main/simple/", "main", "/simple/"),
        ("/team/simple/", "team", "/simple/"),
        ("/team/dev/simple/x/", "team/dev", "/simple/x/"),
        ("/team/dev/", "team/dev", "/"),
        ("/team/dev", "team", "/dev"),
        ("/team/other/", "team", "/other/"),
        ("/team", "main", None),
        ("/main", "main", None),
        ("/a.b/legacy/", "a.b", "/legacy/"),
        ("/aXb/legacy/", "main", None),
        ("/mainly/simple/", "main", None),
        ("/Main/simple/", "main", None),
        ("//main/simple/", "main", None),
        ("/main//simple/", "main", "//simple/"),
        ("", "main", None),
        ("main/simple/", "main", None),
    ],
)
def test_split(path: str, index: str, rest: str | None) -> None:
    """The longest name at the head of a path is the index; without one the default is meant."""
    assert SPLIT(path) == (index, rest)


def test_default_index_answers_at_the_root(server: Cloche, token: str) -> None:
    """The default index has the root's addresses and those under its own name."""
    assert upload(server.url, wheel("in-root", "1.0"), token).status == 200
    places = ("/simple/in-root/", "/main/simple/in-root/")
    accept = {"Accept": "application/vnd.pypi.simple.v1+json"}
    pages = [msgspec.json.decode(server.get(place, accept).body) for place in places]

    assert [page["files"][0].pop("url").partition("packages")[0] for page in pages] == [
        *("../../", "../../../"),
    ]
    assert pages[0] == pages[1]


def test_index_draws_on_its_sources(server: Cloche, token: str) -> None:
    """An index shows what its sources have, and they do not show what it has."""
    assert upload(server.url, wheel("in-base", "1.0"), token).status == 200
    assert upload(server.url, wheel("in-top", "1.0"), token, "/team/dev/legacy/").status == 200

    def status(index: str, project: str) -> int:
        return server.get(f"/{index}/simple/{project}/").status

    assert [status(i, "in-base") for i in ("main", "team/dev", "frozen")] == [200, 200, 200]
    assert [status(i, "in-top") for i in ("main", "team/dev", "frozen")] == [404, 200, 404]


def test_own_upload_hides_a_source_s(server: Cloche, token: str) -> None:
    """What an index has itself answers before, and alone, what its sources have."""
    assert upload(server.url, wheel("in-both", "1.0"), token).status == 200
    assert upload(server.url, wheel("in-both", "2.0"), token, "/team/dev/legacy/").status == 200
    accept = {"Accept": "application/vnd.pypi.simple.v1+json"}

    def versions(index: str) -> list[str]:
        page = msgspec.json.decode(server.get(f"/{index}/simple/in-both/", accept).body)
        return list(page["versions"])

    assert (versions("main"), versions("team/dev")) == (["1.0"], ["2.0"])


@pytest.mark.parametrize("path", ["/nosuch/", "/nosuch/simple/", "/team/simple/", "/team/dev/x/"])
def test_unknown_index(server: Cloche, path: str) -> None:
    """An address of no index is 404, and says what it was."""
    reply = server.get(path)

    assert reply.status == 404
    assert msgspec.json.decode(reply.body)["detail"]


@pytest.mark.parametrize(
    ("path", "location"), [("/main", "main/"), ("/team/dev", "dev/"), ("/closed", "closed/")]
)
def test_name_without_its_slash(server: Cloche, path: str, location: str) -> None:
    """Who leaves the slash out behind an index's name is led there."""
    reply = server.get(path)

    assert (reply.status, reply.headers["location"]) == (301, location)
    assert server.get(path, method="POST").status == 404
