"""A name that becomes private by a route, after all that a stranger had was kept."""

from pathlib import Path

import pytest

from tests.confusion.scene import JSON, ROUTE, Scene, scene
from tests.packages import wheel
from tests.server import Cloche

THEIRS = wheel("routed-kept", "99.0")
FILE = f"/packages/main/routed-kept/{THEIRS.sha256}/{THEIRS.filename}"


def restarted(before: Scene, *, offline: bool) -> Cloche:
    before.server.stop()
    before.config.write_text(before.config.read_text() + ROUTE)
    return Cloche(before.server.data, config=before.config, offline=offline)


@pytest.mark.parametrize("offline", [False, True])
def test_a_route_that_is_new(tmp_path: Path, *, offline: bool) -> None:
    """From then on nothing that was kept of the name is shown, listed or served, offline too."""
    with scene(tmp_path, route=False) as before:
        before.pypi.add(THEIRS)
        assert before.get("/simple/routed-kept/", **JSON).status == 200
        assert before.get(FILE).body == THEIRS.content
        assert before.get(f"{FILE}.metadata").body == THEIRS.metadata
        before.pypi.forget()

        with restarted(before, offline=offline) as server:
            for path in (
                "/simple/routed-kept/",
                "/pypi/routed-kept/json",
                FILE,
                f"{FILE}.metadata",
            ):
                assert server.get(path).status == 404
            assert server.get("/local/routed-kept/").status == 404
            for path in ("/simple/", "/local/", "/", "/rss/packages.xml"):
                assert b"routed-kept" not in server.get(path).body
        assert before.leaks() == []


def test_offline_behind_two_upstreams(tmp_path: Path) -> None:
    """What the private index said it has not is served of the public one; else nobody may be."""
    with scene(tmp_path, route=False) as before:
        before.pypi.add(wheel("public-kept", "1.0"))
        before.pypi.add(wheel("public-unasked", "1.0"))
        assert before.get("/simple/public-kept/", **JSON).status == 200
        before.server.stop()
        before.corporate.forget()
        before.pypi.forget()

        with Cloche(before.server.data, config=before.config, offline=True) as server:
            assert server.get("/simple/public-kept/", JSON).status == 200
            assert server.get("/simple/public-unasked/", JSON).status == 503
        assert before.leaks() == before.corporate.requests() == []
