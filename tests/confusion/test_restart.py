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
            absent = 503 if offline else 404  # the private index was never asked
            assert server.get("/simple/routed-kept/").status == absent
            assert server.get("/pypi/routed-kept/json").status == absent
            for path in (FILE, f"{FILE}.metadata"):
                assert server.get(path).status == absent
            assert server.get("/local/routed-kept/").status == 404
            for path in ("/simple/", "/local/", "/", "/rss/packages.xml"):
                assert b"routed-kept" not in server.get(path).body
        assert before.leaks() == []
