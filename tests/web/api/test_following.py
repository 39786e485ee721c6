"""The change feed over HTTP: what happened, told at once, to those who may know."""

import hashlib
import http.client
import json
import threading
import time
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.packages import wheel
from tests.server import DEADLINE, Cloche
from tests.web.answers import detail
from tests.web.api.managing import ROOT, Manager, place
from tests.web.forms import upload
from tests.web.tokens import basic, granted

CLOSED = "/closed/legacy/"
HERE = f"{ROOT}/indexes/closed/changes"
ONE, TWO = wheel("fo-demo", "1.0"), wheel("fo-demo", "2.0")


@pytest.fixture(scope="module")
def follower(server: Cloche) -> Manager:
    return Manager(server, granted(server.data, "follow", index="closed", name="replica"))


def after(reached: dict[str, Any], **more: Any) -> str:
    asked = {"since": reached["serial"], "store": reached["store"], "mark": reached["mark"], **more}
    return f"{HERE}?{urlencode(asked)}"


def end(follower: Manager) -> dict[str, Any]:
    """Where the journal is now."""
    found = follower.get(HERE)
    while found["reached"]["serial"] < found["newest"]:
        found = follower.get(after(found["reached"]))
    reached: dict[str, Any] = found["reached"]
    return reached


def test_what_happened(server: Cloche, token: str, follower: Manager) -> None:
    """An upload comes with every fact and its bytes by digest, a yank with its reason."""
    before = end(follower)
    assert upload(server.url, ONE, token, CLOSED).status == 200
    upload(server.url, wheel("fo-elsewhere", "1.0"), token)
    admin = Manager(server, granted(server.data, "admin", index="closed", name="ann"))
    yank = place("fo-demo", "versions", "1.0", "yank", index="closed")
    admin.do("POST", yank, {"reason": "oops"})

    found = follower.get(after(before))

    uploaded, yanked = found["steps"]
    assert uploaded["action"] == "file uploaded"
    assert uploaded["upload"]["digest"] == ONE.sha256
    assert uploaded["upload"]["hashes"]["md5"] == ONE.md5
    assert (yanked["who"], yanked["detail"]) == ("ann", {"reason": "oops"})
    for digest, content in ((ONE.sha256, ONE.content), (ONE.metadata_sha256, ONE.metadata)):
        reply = follower.ask("GET", f"{ROOT}/indexes/closed/blobs/{digest}")
        assert (reply.status, reply.body) == (200, content)
    assert follower.get(after(found["reached"]))["steps"] == []


def test_it_is_told_at_once(server: Cloche, token: str, follower: Manager) -> None:
    """Who waits is answered when something happens, and not before."""
    before = end(follower)
    found: list[dict[str, Any]] = []
    asking = threading.Thread(target=lambda: found.append(follower.get(after(before, wait=20))))
    began = time.monotonic()
    asking.start()
    upload(server.url, TWO, token, CLOSED)
    asking.join()

    assert [step["filename"] for step in found[0]["steps"]] == [TWO.filename]
    assert time.monotonic() - began < 19


def test_it_is_of_the_address(follower: Manager) -> None:
    """`-` is the index in whose address is asked, wherever that is mounted."""
    there = follower.get(f"/closed{ROOT}/indexes/-/changes?limit=1")
    assert there["steps"] == follower.get(f"{HERE}?limit=1")["steps"]
    assert follower.ask("GET", f"{ROOT}/indexes/-/changes").status == 403


@pytest.mark.parametrize(
    ("can", "index", "status"),
    [
        ("follow", "closed", 200),
        ("admin", "closed", 200),
        ("read", "closed", 403),
        ("upload", "closed", 403),
        ("follow", "main", 403),
        ("follow", "*", 200),
    ],
)
def test_who_may(server: Cloche, can: str, index: str, status: int) -> None:
    """It takes a token that may follow this very index; the refusal says how to make one."""
    asker = Manager(server, granted(server.data, can, index=index))
    reply = asker.ask("GET", HERE)
    assert reply.status == status
    if status == 403:
        assert "--index closed --can follow" in detail(reply)
    blob = asker.ask("GET", f"{ROOT}/indexes/closed/blobs/{'0' * 64}")
    assert blob.status == (404 if status == 200 else 403)


def test_who_may_not(server: Cloche) -> None:
    """Nobody follows without a token; who may follow all learns what is no index."""
    assert Manager(server, None).ask("GET", HERE).status == 401
    assert Manager(server, "cloche_x_y").ask("GET", HERE).status == 401
    anything = Manager(server, granted(server.data, "follow", index="*"))
    assert anything.ask("GET", f"{ROOT}/indexes/nowhere/changes").status == 404


def test_bytes_of_others(server: Cloche, token: str, follower: Manager) -> None:
    """What another index has is not given away, whoever knows its digest."""
    other = wheel("fo-secret", "1.0")
    upload(server.url, other, token)
    reply = follower.ask("GET", f"{ROOT}/indexes/closed/blobs/{other.sha256}")
    assert reply.status == 404
    assert follower.ask("GET", f"{ROOT}/indexes/closed/blobs/nonsense").status == 400


def test_another_journal(server: Cloche, token: str, follower: Manager) -> None:
    """Who was elsewhere before is told so, and nothing else."""
    upload(server.url, ONE, token, CLOSED)
    here = end(follower)
    for changed in (
        {"store": "0" * 32},
        {"mark": hashlib.sha256(b"").hexdigest()[:32]},
        {"serial": here["serial"] + 10**9},
    ):
        reply = follower.ask("GET", after(here | changed))
        assert reply.status == 409
        assert "empty" in detail(reply)
    assert follower.ask("GET", f"{HERE}?since=5").status == 400
    assert follower.ask("GET", f"{HERE}?wait=3600").status == 400


def test_the_server_ends(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A server that is stopped keeps nobody waiting, and is not kept by who waits."""
    folder = tmp_path_factory.mktemp("ends")
    with Cloche(folder / "data", offline=True) as server:
        secret = granted(server.data, "follow")
        follower = Manager(server, secret)
        reached = follower.get(f"{ROOT}/indexes/main/changes")["reached"]
        waits = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=DEADLINE)
        address = after(reached, wait=20).replace("closed", "main")
        waits.request("GET", address, headers=basic(secret))
        assert server.get("/-/health").status == 200  # who came later was answered
        began = time.monotonic()
        server.stop()
        took = time.monotonic() - began
        with closing(waits):
            found = json.loads(waits.getresponse().read())

    assert found["steps"] == []
    assert took < 18
