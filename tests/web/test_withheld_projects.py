"""A project that rules withhold whole is named by no list, in whatever format."""

from collections.abc import Iterator
from pathlib import Path
from xmlrpc.client import ServerProxy

import msgspec
import pytest

from tests.packages import wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.waiting import until

SETTINGS = """
[upstream.pypi]
url = "{upstream}"

[index.all]
sources = ["pypi"]

[index.main]
default = true
sources = ["pypi"]

[[index.main.rule]]
name = "no malice"
kind = "deny"
what = ["evil-*"]
"""


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[Cloche]:
    """A server that keeps a page and a file of a project, which its default index denies."""
    folder = tmp_path_factory.mktemp("ruled")
    config = folder / "cloche.toml"
    config.write_text(SETTINGS.format(upstream=upstream_process.simple))
    upstream_process.add(wheel("evil-lists", "1.0"))
    upstream_process.add(wheel("good-lists", "1.0"))
    with Cloche(Path(folder / "data"), config=config) as server:
        for built in (wheel("evil-lists", "1.0"), wheel("good-lists", "1.0")):
            assert server.get(f"/all/simple/{built.project}/").status == 200
            path = f"/packages/all/{built.project}/{built.sha256}/{built.filename}"
            assert server.get(path).status == 200
        until(lambda: b"evil-lists" in server.get("/all/rss/packages.xml").body)
        yield server


def rpc(server: Cloche, method: str, *arguments: object, index: str = "main") -> str:
    with ServerProxy(f"{server.url}/{index}/pypi", allow_none=True) as proxy:
        return repr(getattr(proxy, method)(*arguments))


@pytest.mark.parametrize(
    "path",
    [
        "/simple/",
        "/simple/?format=application/vnd.pypi.simple.v1%2Bjson",
        "/rss/packages.xml",
        "/",
        "/local/",
    ],
)
def test_no_list_names_it(ruled: Cloche, path: str) -> None:
    """The index that denies it does not name it; the one that does not, does."""
    assert b"evil-lists" not in ruled.get(path).body
    assert b"good-lists" in ruled.get(path).body
    assert b"evil-lists" in ruled.get(f"/all{path}").body


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("list_packages", ()),
        ("list_packages_with_serial", ()),
        ("search", ({"name": "lists"},)),
        ("changelog_since_serial", (0,)),
        ("changelog", (0, True)),
        ("changed_packages", (0,)),
    ],
)
def test_no_method_names_it(ruled: Cloche, method: str, arguments: tuple[object, ...]) -> None:
    """XML-RPC's lists, searches and changes are of what the index lists."""
    assert "evil-lists" not in rpc(ruled, method, *arguments)
    assert "evil-lists" in rpc(ruled, method, *arguments, index="all")


def test_single_questions_are_answered_alike(ruled: Cloche) -> None:
    """Whoever asks for the project itself is told by which rule; XML-RPC has no words for it."""
    for path in (
        "/simple/evil-lists/",
        "/pypi/evil-lists/json",
        "/rss/project/evil-lists/releases.xml",
    ):
        reply = ruled.get(path, {"Accept": "application/json"})
        assert (path, reply.status) == (path, 403)
        assert msgspec.json.decode(reply.body)["rule"] == "no malice"
    assert rpc(ruled, "package_releases", "evil-lists") == "[]"
    assert rpc(ruled, "release_data", "evil-lists", "1.0") == "{}"
