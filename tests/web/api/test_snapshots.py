"""Snapshots over HTTP: a moment that is named, read by its name, and forgotten."""

import json

import pytest

from tests.packages import wheel
from tests.server import Cloche
from tests.web.answers import detail
from tests.web.api.managing import ROOT, Manager, place
from tests.web.forms import upload
from tests.web.tokens import granted

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
HERE = f"{ROOT}/indexes/main/snapshots"


@pytest.fixture(scope="module")
def admin(server: Cloche) -> Manager:
    return Manager(server, granted(server.data, "admin", index="*", name="ann"))


def names(server: Cloche, when: str, project: str, index: str = "") -> list[str]:
    reply = server.get(f"{index}/as-of/{when}/simple/{project}/", JSON)
    assert reply.status == 200, reply
    return [file["filename"] for file in json.loads(reply.body)["files"]]


def test_a_moment_with_a_name(server: Cloche, token: str, admin: Manager) -> None:
    """A snapshot of now is read by its name, whatever is uploaded and deleted afterwards."""
    one, two = wheel("sn-one", "1.0"), wheel("sn-one", "2.0")
    upload(server.url, one, token)
    made = admin.do("POST", HERE, {"name": "sn.first", "reason": "freeze"})
    upload(server.url, two, token)
    admin.do("DELETE", place("sn-one", "versions", "1.0"))

    assert made["name"] == "sn.first"
    assert made["made_by"] == "ann"
    assert made in admin.get(HERE)["snapshots"]
    assert names(server, "sn.first", "sn-one") == [one.filename]
    page = server.get("/as-of/sn.first/simple/sn-one/", JSON)
    assert page.headers["cache-control"] == "public, no-cache"  # the name may be given anew
    file = f"/as-of/sn.first/packages/sn-one/{one.sha256}/{one.filename}"
    assert server.get(file).body == one.content

    assert admin.ask("DELETE", f"{HERE}/sn.first").status == 204
    assert server.get("/as-of/sn.first/simple/sn-one/").status == 404
    assert admin.ask("DELETE", f"{HERE}/sn.first").status == 404


def test_a_moment_that_is_told(server: Cloche, token: str, admin: Manager) -> None:
    """A snapshot may be of a serial or a date; it is of its own index alone."""
    upload(server.url, wheel("sn-then", "1.0"), token)
    serial = server.get("/simple/sn-then/", JSON).headers["x-pypi-last-serial"]
    upload(server.url, wheel("sn-then", "2.0"), token)
    admin.do("POST", HERE, {"name": "sn-then", "when": serial})

    assert len(names(server, "sn-then", "sn-then")) == 1
    assert server.get("/team/dev/as-of/sn-then/simple/sn-then/").status == 404
    dated = admin.do("POST", HERE, {"name": "sn-dated", "when": "2020-01-01"})
    assert (dated["serial"], dated["at"]) == (0, "2020-01-01T00:00:00Z")


def test_what_is_refused(server: Cloche, admin: Manager) -> None:
    """A name that is taken or none, a moment to come, and a stranger's wish are refused."""
    admin.do("POST", HERE, {"name": "sn-taken"})
    for wish, why in (
        ({"name": "sn-taken"}, "delete it first"),
        ({"name": "2026-01-01"}, "cannot name a snapshot"),
        ({"name": "sn-future", "when": "9999-01-01"}, "still to come"),
        ({"name": "sn-odd", "when": "soon!"}, "is no moment"),
    ):
        reply = admin.ask("POST", HERE, wish)
        assert reply.status == 400
        assert why in detail(reply)
    reader = Manager(server, granted(server.data, "read", index="*"))
    assert reader.ask("POST", HERE, {"name": "sn-reader"}).status == 403
    assert reader.ask("GET", HERE).status == 403
    assert Manager(server, None).ask("GET", HERE).status == 401
