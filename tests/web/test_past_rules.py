"""A past page by the rules of now, and by those of then."""

import json
from pathlib import Path

import pytest

from tests.packages import wheel
from tests.server import Cloche, Reply
from tests.upstream.controller import Upstream
from tests.waiting import until
from tests.web.answers import detail
from tests.web.forms import upload
from tests.web.tokens import granted

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
ONE, TWO = wheel("pr-own", "1.0"), wheel("pr-own", "2.0")
INDEX = "[index.main]\ndefault = true\nuploads = true\n"
DENY = '[[index.main.rule]]\nkind = "deny"\nfiles = ["denied.txt"]\n'


def ask(server: Cloche, when: str) -> Reply:
    return server.get(f"/as-of/{when}/simple/pr-own/", JSON)


def names(reply: Reply) -> list[str]:
    assert reply.status == 200, reply
    return [file["filename"] for file in json.loads(reply.body)["files"]]


def run(folder: Path, rules: str) -> Cloche:
    (folder / "cloche.toml").write_text(INDEX + rules)
    return Cloche(folder / "data", config=folder / "cloche.toml", workers=2)


def test_rules_of_now_and_of_then(tmp_path: Path) -> None:
    """Rules are those of now, or by choice those of then, with their lists as of then."""
    with run(tmp_path, "") as server:
        token = granted(server.data, "upload")
        for built in (ONE, TWO):
            assert upload(server.url, built, token).status == 200
        free = server.get("/simple/pr-own/", JSON).headers["x-pypi-last-serial"]
    (tmp_path / "denied.txt").write_text("pr-own==1.0\n")
    with run(tmp_path, DENY) as server:
        assert names(server.get("/simple/pr-own/", JSON)) == [TWO.filename]
        assert upload(server.url, wheel("pr-own", "3.0"), token).status == 200
        denied = server.get("/simple/pr-own/", JSON).headers["x-pypi-last-serial"]
    (tmp_path / "denied.txt").write_text("pr-own==2.0\n")

    with run(tmp_path, DENY) as server:
        assert names(ask(server, free)) == [ONE.filename]
        assert names(ask(server, f"{free}+then")) == [ONE.filename, TWO.filename]
        assert names(ask(server, denied))[:1] == [ONE.filename]
        assert names(ask(server, f"{denied}+then"))[:1] == [TWO.filename]

        assert ask(server, free).headers["cache-control"] == "public, no-cache"
        lasting = ask(server, f"{denied}+then").headers["cache-control"]
        assert lasting == "public, max-age=31536000, immutable"
        file = f"/packages/pr-own/{ONE.sha256}/{ONE.filename}"
        assert server.get(f"/as-of/{free}+then{file}").body == ONE.content
        refused = server.get(f"/as-of/{denied}+then{file}")
        assert (refused.status, json.loads(refused.body)["rule"]) == (403, "deny")


def test_rules_that_could_not_be_recorded(tmp_path: Path) -> None:
    """Where it is not known what the rules were, that is said, and no file is served."""
    (tmp_path / "denied.txt").write_bytes("pr-own==1.0\n".encode("utf-16"))
    with run(tmp_path, DENY) as server:
        assert upload(server.url, TWO, granted(server.data, "upload")).status == 200
        serial = server.get("/simple/pr-own/", JSON).headers["x-pypi-last-serial"]
        reply = ask(server, f"{serial}+then")

        assert reply.status == 410
        assert "could not be recorded" in detail(reply)
        assert names(ask(server, serial)) == [TWO.filename]


@pytest.mark.parametrize(("policy", "status"), [("keep", 200), ("deny", 403)])
def test_a_file_that_its_upstream_took_back(
    tmp_path: Path, upstream: Upstream, policy: str, status: int
) -> None:
    """A file of then that was deleted upstream since is served as the settings of now say."""
    old, new = wheel("pr-back", "1.0"), wheel("pr-back", "2.0")
    upstream.project("pr-back", max_age=0)
    upstream.add(old)
    (tmp_path / "cloche.toml").write_text(
        f'[upstream.pypi]\nurl = "{upstream.simple}"\n'
        f'[upstream.pypi.recall]\ndeleted = "{policy}"\n'
        "[upstream.pypi.freshness]\npatience = 20\n"
    )
    with Cloche(tmp_path / "data", config=tmp_path / "cloche.toml") as server:
        serial = server.get("/simple/pr-back/", JSON).headers["x-pypi-last-serial"]
        file = f"/as-of/{serial}/packages/pr-back/{old.sha256}/{old.filename}"
        assert server.get(file).body == old.content
        upstream.add(new)
        upstream.remove(old)
        until(lambda: new.filename in names(server.get("/simple/pr-back/", JSON)))

        page = server.get(f"/as-of/{serial}/simple/pr-back/", JSON)
        assert names(page) == [old.filename]
        reply = server.get(file)
        assert reply.status == status
        assert status == 200 or json.loads(reply.body)["rule"] == "recall"
