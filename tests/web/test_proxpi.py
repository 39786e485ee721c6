"""Having an upstream asked anew, as proxpi's users do."""

import json

from tests.packages import wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.web.tokens import basic, granted


def test_a_project_is_asked_for_anew(server: Cloche, upstream: Upstream) -> None:
    """`DELETE /cache/{project}` shows what is new upstream at once, in each index."""
    upstream.add(wheel("renewed", "1.0"))
    assert server.get("/team/dev/simple/renewed/").status == 200
    upstream.add(wheel("renewed", "2.0"))
    assert b"renewed-2.0" not in server.get("/simple/renewed/").body

    secret = granted(server.data, "admin")
    reply = server.get("/cache/Renewed", basic(secret), method="DELETE")

    assert (reply.status, json.loads(reply.body)) == (200, {"status": "success", "data": None})
    for path in ("/simple/renewed/", "/team/dev/simple/renewed/"):
        assert b"renewed-2.0" in server.get(path).body


def test_serials(server: Cloche, upstream: Upstream) -> None:
    """A mirror is told the same serial by the list of projects and by the page."""
    upstream.add(wheel("renewed-serial", "1.0"))
    assert server.get("/simple/renewed-serial/").status == 200
    secret = granted(server.data, "admin")
    assert server.get("/cache/renewed-serial", basic(secret), method="DELETE").status == 200
    kind = {"Accept": "application/vnd.pypi.simple.v1+json"}
    said = json.loads(server.get("/simple/", kind).body)["projects"]
    (listed,) = [each for each in said if each["name"] == "renewed-serial"]

    page = server.get("/simple/renewed-serial/", kind)
    assert int(page.headers["x-pypi-last-serial"]) == listed["_last-serial"]


def test_an_absence_is_forgotten(server: Cloche, upstream: Upstream) -> None:
    """A project that is new upstream is found, by its own name or with all that are not there."""
    secret = granted(server.data, "admin")
    for name, path in (("come-one", "/cache/come-one"), ("come-all", "/cache/list")):
        assert server.get(f"/simple/{name}/").status == 404
        upstream.add(wheel(name, "1.0"))
        assert server.get(f"/simple/{name}/").status == 404
        assert server.get(path, basic(secret), method="DELETE").status == 200
        assert server.get(f"/simple/{name}/").status == 200


def test_who_may(server: Cloche, token: str) -> None:
    """It takes a token that may manage the index."""
    for path in ("/cache/list", "/cache/renewed", "/closed/cache/renewed"):
        assert server.get(path, method="DELETE").status == 401
        assert server.get(path, basic(token), method="DELETE").status == 403
    other = granted(server.data, "admin", index="closed")
    assert server.get("/cache/renewed", basic(other), method="DELETE").status == 403
