"""Promotion over HTTP, against a real server: who may, and what is there then."""

import json
from collections.abc import Iterator

import pytest

from tests.packages import sdist, wheel
from tests.server import Cloche
from tests.web.answers import detail, listed
from tests.web.api.managing import ROOT, Manager, place
from tests.web.forms import upload
from tests.web.tokens import granted

SETTINGS = """
[index.dev]
uploads = true
[index.secret]
uploads = true
read = ["ann"]
[index.stable]
default = true
uploads = true
[[index.stable.rule]]
kind = "cooldown"
projects = ["pu-young"]
[index."team/sealed"]
"""
HERE = f"{ROOT}/indexes/stable/push"
JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloche]:
    folder = tmp_path_factory.mktemp("pushing")
    config = folder / "cloche.toml"
    config.write_text(SETTINGS)
    with Cloche(folder / "data", config=config, workers=2) as running:
        yield running


@pytest.fixture(scope="module")
def qa(server: Cloche) -> Manager:
    """Somebody who may upload to stable, and read what anyone may."""
    return Manager(server, granted(server.data, "upload", index="stable", name="qa"))


def published(server: Cloche, name: str, index: str = "dev") -> None:
    token = granted(server.data, "upload", index=index, name="ann")
    for built in (wheel(name, "1.0"), sdist(name, "1.0")):
        assert upload(server.url, built, token, path=f"/{index}/legacy/").status == 200


def said(name: str, source: str = "dev", **more: object) -> dict[str, object]:
    return {"from": source, "project": name, "version": "1.0", **more}


def page(server: Cloche, index: str, name: str) -> list[dict[str, object]]:
    files: list[dict[str, object]] = json.loads(server.get(f"/{index}/simple/{name}/", JSON).body)[
        "files"
    ]
    return files


def test_a_version_goes_on(server: Cloche, qa: Manager) -> None:
    """All of it is shown by every worker when it is answered, as it was in the other index."""
    published(server, "pu-one")
    names = {wheel("pu-one", "1.0").filename, sdist("pu-one", "1.0").filename}

    would = qa.do("POST", HERE, said("Pu.One", dry_run=True))
    assert (set(would["new"]), listed(server, "pu-one", "stable")) == (names, [])
    done = qa.do("POST", HERE, said("pu-one", reason="tested"))

    assert done == would
    for _ in range(6):
        kept = ("filename", "hashes", "size", "upload-time", "core-metadata", "requires-python")
        here, there = page(server, "stable", "pu-one"), page(server, "dev", "pu-one")
        assert [{k: f.get(k) for k in kept} for f in here] == [
            {k: f.get(k) for k in kept} for f in there
        ]
    again = qa.do("POST", HERE, said("pu-one"))
    assert (again["new"], set(again["there"])) == ([], names)
    admin = Manager(server, granted(server.data, "admin", index="stable"))
    entries = admin.get(place("pu-one", "journal", index="stable"))["entries"]
    assert {(e["who"], e["action"], e["detail"]["from"]) for e in entries} == {
        ("qa", "file uploaded", "dev")
    }
    assert {e["detail"]["uploaded_by"] for e in entries} == {"ann"}


def test_who_may(server: Cloche, qa: Manager) -> None:
    """It takes both rights: to upload here, and to read there; else nothing is told or done."""
    published(server, "pu-two")
    published(server, "pu-two", index="secret")
    dev = granted(server.data, "upload", "read", index="dev")
    reader = granted(server.data, "read", index="*")
    for secret, status in ((None, 401), (dev, 403), (reader, 403), ("cloche_x_y", 401)):
        assert Manager(server, secret).ask("POST", HERE, said("pu-two")).status == status
    assert qa.ask("POST", HERE, said("pu-two", "secret")).status == 403
    assert listed(server, "pu-two", "stable") == []

    ann = Manager(server, granted(server.data, "upload", "read", index="*", name="ann"))
    assert len(ann.do("POST", HERE, said("pu-two", "secret"))["new"]) == 2


def test_nobody_learns_of_indexes(server: Cloche) -> None:
    """Without a right there, an index that is not there is refused as one that is."""
    dev = Manager(server, granted(server.data, "upload", index="dev"))
    replies = [
        dev.ask("POST", f"{ROOT}/indexes/{name}/push", said("pu-x")) for name in ("stable", "none")
    ]
    assert [reply.status for reply in replies] == [403, 403]
    first, second = map(detail, replies)
    assert first.replace("stable", "none") == second


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"version": "2.0"}, 404, "no file of pu-three 2.0"),
        ({"project": "pu-nobody"}, 404, "no project pu-nobody"),
        ({"from": "none"}, 404, "no index 'none'"),
        ({"from": "stable"}, 400, "in index stable already"),
        ({"version": "x"}, 400, "not a version"),
        ({"project": "-"}, 400, "not a project name"),
        ({"reason": "a\nb"}, 400, "one line"),
        ({"to": "x"}, 400, "to"),
    ],
)
def test_what_is_refused(
    server: Cloche, qa: Manager, change: dict[str, object], status: int, words: str
) -> None:
    """A wrong word is told with cause and cure, and pushes nothing."""
    published(server, "pu-three")
    reply = qa.ask("POST", HERE, {**said("pu-three"), **change})
    assert (reply.status, words in detail(reply)) == (status, True), reply
    assert listed(server, "pu-three", "stable") == []


def test_other_bytes(server: Cloche, qa: Manager) -> None:
    """A name that stands for other bytes there keeps the whole version out."""
    published(server, "pu-four")
    other = wheel("pu-four", "1.0", summary="another")
    token = granted(server.data, "upload", index="stable")
    assert upload(server.url, other, token, path="/stable/legacy/").status == 200
    assert qa.ask("POST", HERE, said("pu-four")).status == 409
    assert listed(server, "pu-four", "stable") == [other.filename]


def test_an_index_without_uploads(server: Cloche) -> None:
    """What takes no uploads takes no pushes."""
    published(server, "pu-five")
    everywhere = Manager(server, granted(server.data, "upload", "read", index="*"))
    reply = everywhere.ask("POST", f"{ROOT}/indexes/team%2Fsealed/push", said("pu-five"))
    assert (reply.status, "takes no uploads" in detail(reply)) == (403, True)


def test_a_rule_of_the_target(server: Cloche, qa: Manager) -> None:
    """What was pushed is under the target's rules like all else, from its first upload on."""
    published(server, "pu-young")
    qa.do("POST", HERE, said("pu-young"))
    reply = server.get("/stable/simple/pu-young/", {"Accept": "application/json"})
    assert (reply.status, json.loads(reply.body)["rule"]) == (403, "cooldown")
