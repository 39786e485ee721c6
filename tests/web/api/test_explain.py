"""Explanations over HTTP: for whoever may read."""

from tests.packages import wheel
from tests.server import Cloche
from tests.web.answers import detail
from tests.web.api.managing import ROOT, Manager
from tests.web.forms import upload
from tests.web.tokens import granted


def place(project: str, index: str = "main") -> str:
    return f"{ROOT}/indexes/{index}/explain/{project}"


def test_anybody_may_ask_an_open_index(server: Cloche, token: str) -> None:
    """Who may read is told, without a token where anyone may: also of what is not there."""
    built = wheel("ex-own", "1.0")
    upload(server.url, built, token)
    anyone = Manager(server, None)

    found = anyone.get(place("Ex_Own", "team%2Fdev"))
    assert (found["project"], found["answer"]) == ("ex-own", "page")
    assert [(step["source"], step["depth"], step["outcome"]) for step in found["steps"]] == [
        ("team/dev", 0, "absent"),
        ("main", 0, "owns"),
        ("main", 1, "owns"),
        ("pypi", 1, "not asked"),
    ]
    assert [(file["filename"], file["state"], file["sha256"]) for file in found["files"]] == [
        (built.filename, "listed", built.sha256)
    ]
    assert anyone.get(place("ex-own") + "?version=v2")["files"] == []
    assert anyone.get(place("ex-nobody"))["answer"] == "absent"


def test_a_closed_index_is_explained_to_its_readers(server: Cloche) -> None:
    """Who may not read an index, or what it draws on, is told nothing; who may, is."""
    for index in ("closed", "nested"):
        address = place("ex-own", index)
        assert Manager(server, None).ask("GET", address).status == 401
        assert Manager(server, granted(server.data, "read")).ask("GET", address).status == 403
        reader = Manager(server, granted(server.data, "read", index="*"))
        assert reader.get(address)["answer"] == "absent"


def test_names_that_are_none(server: Cloche) -> None:
    """An unknown index, and a project or a version that cannot be one, are said to be."""
    anyone = Manager(server, None)

    assert detail(anyone.ask("GET", place("ex-own", "none"))).startswith("there is no index")
    assert anyone.ask("GET", place("ex-own") + "?version=new").status == 400
    assert anyone.ask("GET", place("-")).status == 400
