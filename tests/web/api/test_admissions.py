"""Breaking glass over HTTP, against a real server with a rule."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.packages import wheel
from tests.server import Cloche
from tests.waiting import until
from tests.web.answers import detail, listed
from tests.web.api.managing import ROOT, Manager, place
from tests.web.forms import upload
from tests.web.tokens import granted

SETTINGS = """
[index.main]
default = true
uploads = true
admit_days = 3
[[index.main.rule]]
kind = "cooldown"
[index."team/dev"]
uploads = true
"""
HERE = f"{ROOT}/indexes/main/admissions"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloche]:
    folder = tmp_path_factory.mktemp("ruled")
    config = folder / "cloche.toml"
    config.write_text(SETTINGS)
    with Cloche(folder / "data", config=config, workers=2) as running:
        yield running


@pytest.fixture(scope="module")
def ann(server: Cloche) -> Manager:
    return Manager(server, granted(server.data, "admin", index="*", name="ann"))


def published(server: Cloche, name: str) -> str:
    built = wheel(name, "1.0")
    assert upload(server.url, built, granted(server.data, "upload")).status == 200
    return built.filename


def answers(server: Cloche, path: str) -> set[int]:
    """What the workers answer, whichever of them."""
    return {server.get(path).status for _ in range(6)}


def test_letting_past_and_ending(server: Cloche, ann: Manager) -> None:
    """What is let past is served by every worker at once, listed, journaled, and ended."""
    name = published(server, "ad-one")
    file = f"/packages/main/ad-one/{wheel('ad-one', '1.0').sha256}/{name}"
    assert answers(server, "/simple/ad-one/") == answers(server, file) == {403}

    said = {"project": "Ad.One", "version": "v1.0", "reason": "a hole", "for": "3d"}
    made = ann.do("POST", HERE, said)

    assert made["files"] == [name]
    assert (made["project"], made["version"], made["who"]) == ("ad-one", "1.0", "ann")
    assert answers(server, "/simple/ad-one/") == answers(server, file) == {200}
    assert answers(server, f"{file}.metadata") == {200}
    (found,) = [a for a in ann.get(HERE)["admissions"] if a["project"] == "ad-one"]
    assert found == {key: value for key, value in made.items() if key != "files"}
    assert (found["holds"], found["ended_by"]) == (True, None)

    ended = ann.do("DELETE", f"{HERE}/{made['number']}?reason=done")
    assert (ended["holds"], ended["ended_by"]) == (False, "ann")
    assert answers(server, "/simple/ad-one/") == answers(server, file) == {403}
    entries = ann.get(place("ad-one", "journal"))["entries"]
    assert [(e["who"], e["action"]) for e in entries] == [
        ("tester", "file uploaded"),
        ("ann", "admitted"),
        ("ann", "admission ended"),
    ]
    assert ann.ask("DELETE", f"{HERE}/{made['number']}").status == 404


def test_it_ends_by_itself(server: Cloche, ann: Manager) -> None:
    """When its time is over, the page is withheld again, though nobody says anything."""
    published(server, "ad-brief")
    soon = datetime.now(UTC) + timedelta(seconds=4)
    ann.do("POST", HERE, {"project": "ad-brief", "reason": "x", "until": soon.isoformat()})
    assert answers(server, "/simple/ad-brief/") == {200}

    until(lambda: 200 not in answers(server, "/simple/ad-brief/"))

    (found,) = [a for a in ann.get(HERE)["admissions"] if a["project"] == "ad-brief"]
    assert (found["holds"], found["ended_at"]) == (False, None)


def test_the_list_in_parts(ann: Manager) -> None:
    """The list comes so many at a time; `next` leads to the rest."""
    for number in range(3):
        ann.do("POST", HERE, {"project": f"ad-list{number}", "reason": "x", "for": "1h"})
    first = ann.get(f"{HERE}?limit=2")
    assert len(first["admissions"]) == 2
    rest = ann.get(f"{HERE}?since={first['next']}")
    assert (rest["next"], len(rest["admissions"]) > 0) == (None, True)
    assert ann.get(f"{ROOT}/indexes/team%2Fdev/admissions") == {"admissions": [], "next": None}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"project": "x", "for": "3d"}, "reason"),
        ({"project": "x", "reason": " ", "for": "3d"}, "say why"),
        ({"project": "x", "reason": "x"}, "until when, or for how long"),
        ({"project": "x", "reason": "x", "for": "4d"}, "at most 3 days"),
        ({"project": "x", "reason": "x", "for": "3d", "until": "2027-01-31"}, "not both"),
        ({"project": "-x", "reason": "x", "for": "3d"}, "not a project name"),
        ({"project": "x", "version": "1", "filename": "x", "reason": "x", "for": "1d"}, "not both"),
        ({"project": "x", "reason": "x", "for": "3d", "rule": "other"}, "its rules are cooldown"),
        ({"project": "x", "reason": "x", "for": "3d", "who": "eve"}, "who"),
    ],
)
def test_what_is_refused(server: Cloche, ann: Manager, said: object, words: str) -> None:
    """A wrong word is 400, with cause and cure, and lets nothing past."""
    before = ann.get(HERE)
    reply = ann.ask("POST", HERE, said)
    assert (reply.status, words in detail(reply)) == (400, True), reply
    assert ann.get(HERE) == before
    assert server.get("/-/health").status == 200


def test_who_may(server: Cloche, ann: Manager) -> None:
    """Without `admin` on that very index nobody sees the list, adds to it, or ends anything."""
    made = ann.do("POST", HERE, {"project": "ad-who", "reason": "x", "for": "1h"})
    others = [
        (None, 401),
        (granted(server.data, "read", "upload"), 403),
        (granted(server.data, "admin", index="team/dev"), 403),
    ]
    for secret, status in others:
        who = Manager(server, secret)
        said = {"project": "ad-eve", "reason": "x", "for": "1h"}
        assert who.ask("GET", HERE).status == status
        assert who.ask("POST", HERE, said).status == status
        assert who.ask("DELETE", f"{HERE}/{made['number']}").status == status
    assert listed(server, "ad-eve") == []
    assert json.dumps(ann.get(HERE)).count("ad-eve") == 0
