"""A file that turns out to be malware, in a real server of two workers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from tests.osv import CRITICAL, affected, document, malware
from tests.packages import wheel
from tests.server import Cloche, Reply
from tests.upstream.controller import Upstream
from tests.waiting import until

SETTINGS = """
[upstream.pypi]
url = "{upstream}"

[upstream.pypi.freshness]
default = 3600

[advisories.osv]
address = "osv"
refresh = 86400

[index.main]
default = true
sources = ["pypi"]

[[index.main.rule]]
kind = "vulnerable"

[index.open]
sources = ["pypi"]
"""
JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
OTHER = document("PYSEC-2026-9", affected("other", {"introduced": "0"}))


class Guarded:
    """The server, its folder of advisories, and what a client asks."""

    def __init__(self, server: Cloche, folder: Path) -> None:
        self.server = server
        self.folder = folder

    def tell(self, **documents: bytes) -> str:
        """Have the feed say this, and the server asked to look."""
        for name, data in documents.items():
            (self.folder / f"{name}.json").write_bytes(data)
        return self.command("refresh")

    def forget(self, name: str) -> None:
        (self.folder / f"{name}.json").unlink()
        self.command("refresh")

    def command(self, *words: str) -> str:
        settings = ("--data", str(self.server.data), "--config", str(self.server.config))
        done = self.server.command("advisories", *words, *settings)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def page(self, index: str = "main") -> dict[str, str]:
        """What the page lists: the files' addresses by their names."""
        path = f"/{index}/simple/demo/"
        reply = self.server.get(path, JSON)
        assert reply.status == 200
        files = json.loads(reply.body)["files"]
        return {file["filename"]: urljoin(path, file["url"]) for file in files}

    def everywhere(self, path: str) -> list[Reply]:
        """What several connections are answered: of two workers, any may take one."""
        return [self.server.get(path, JSON) for _ in range(6)]

    def json(self, path: str) -> Any:
        reply = self.server.get(path)
        assert reply.status == 200
        return json.loads(reply.body)


@pytest.fixture
def guarded(tmp_path: Path, upstream: Upstream) -> Iterator[Guarded]:
    folder = tmp_path / "osv"
    folder.mkdir()
    (folder / "other.json").write_bytes(OTHER)
    config = tmp_path / "cloche.toml"
    config.write_text(SETTINGS.format(upstream=upstream.simple))
    upstream.add(wheel("demo", "1.0"))
    upstream.add(wheel("demo", "2.0"))
    with Cloche(tmp_path / "data", config=config, workers=2) as server:
        made = Guarded(server, folder)
        made.command("refresh")
        yield made


def test_a_newly_flagged_file_is_withheld_at_once(guarded: Guarded, upstream: Upstream) -> None:
    """What is cached and turns out to be malware is gone from page and address, in all workers."""
    old, new = sorted(guarded.page())
    address = guarded.page()[old]
    assert guarded.server.get(address).status == 200
    for reply in guarded.everywhere("/main/simple/demo/"):
        assert old.encode() in reply.body

    about = affected("demo", versions=["1.0"])
    said = guarded.tell(demo=document("MAL-2026-1", about, summary="It steals"))

    assert said == "osv: 2 documents, 1 new, 0 gone\n"
    for reply in guarded.everywhere("/main/simple/demo/"):
        assert (old.encode() in reply.body, new.encode() in reply.body) == (False, True)
    for path in (address, f"{address}.metadata"):
        for reply in guarded.everywhere(path):
            assert reply.status == 403
            told = json.loads(reply.body)
            assert told["rule"] == "vulnerable"
            assert told["reason"] == "it is known as malware (MAL-2026-1): It steals"
    with upstream.down():
        assert guarded.server.get(address).status == 403


def test_a_project_that_is_malware(guarded: Guarded) -> None:
    """A project of which every version is malware has a page that says so."""
    guarded.page()
    guarded.tell(demo=malware("demo"))

    for reply in guarded.everywhere("/main/simple/demo/"):
        assert reply.status == 403
        assert b"MAL-2026-1" in reply.body


def test_what_is_withdrawn_is_free_again(guarded: Guarded) -> None:
    """When an advisory is withdrawn, or its feed has it no more, its files are shown at once."""
    guarded.page()
    guarded.tell(demo=malware("demo"))
    guarded.tell(demo=document("MAL-2026-1", withdrawn="2026-02-01T00:00:00Z"))
    assert len(guarded.page()) == 2

    guarded.tell(demo=malware("demo"))
    assert guarded.server.get("/main/simple/demo/").status == 403
    guarded.forget("demo")

    assert len(guarded.page()) == 2


def test_other_indexes_do_not_mind(guarded: Guarded) -> None:
    """An index without the rule shows all; its JSON API says what is known, as PyPI's does."""
    address = guarded.page("open")["demo-1.0-py3-none-any.whl"]
    assert guarded.json("/open/pypi/demo/json")["vulnerabilities"] == []
    about = affected("demo", {"introduced": "0"}, {"fixed": "2.0"})
    severity = [{"type": "CVSS_V3", "score": CRITICAL}]
    told = document("PYSEC-1", about, aliases=["CVE-1"], details="So", severity=severity)
    guarded.tell(demo=told)

    assert len(guarded.page("open")) == 2
    assert guarded.server.get(address).status == 200
    assert guarded.json("/open/pypi/demo/json")["vulnerabilities"] == []
    assert guarded.json("/open/pypi/demo/1.0/json")["vulnerabilities"] == [
        {
            "aliases": ["CVE-1"],
            "details": "So",
            "fixed_in": ["2.0"],
            "id": "PYSEC-1",
            "link": "https://osv.dev/vulnerability/PYSEC-1",
            "source": "osv",
            "summary": None,
            "withdrawn": None,
        }
    ]


def test_it_stays_known(guarded: Guarded) -> None:
    """After a restart, with the feed gone, what was known is known from the first request on."""
    guarded.page()
    guarded.tell(demo=malware("demo"))
    guarded.server.stop()
    for path in guarded.folder.iterdir():
        path.unlink()
    guarded.server.start()

    assert guarded.server.get("/main/simple/demo/").status == 403


def test_it_is_asked_in_the_background(tmp_path: Path, upstream: Upstream) -> None:
    """A server loads its feeds by itself; until it has, a page that is judged by them is denied."""
    upstream.add(wheel("demo", "1.0"))
    config = tmp_path / "cloche.toml"
    config.write_text(SETTINGS.format(upstream=upstream.simple).replace("86400", "1"))
    with Cloche(tmp_path / "data", config=config) as server:
        reply = server.get("/simple/demo/")
        assert reply.status == 403
        assert b"has not been loaded yet" in reply.body
        (tmp_path / "osv").mkdir()
        (tmp_path / "osv" / "other.json").write_bytes(OTHER)

        until(lambda: server.get("/simple/demo/").status == 200)


def test_commands(guarded: Guarded) -> None:
    """The feeds and what they say can be listed, for people and for programs."""
    guarded.tell(demo=malware("demo"))

    assert "osv" in guarded.command("list")
    (state,) = json.loads(guarded.command("list", "--json")).values()
    assert (state["documents"], state["skipped"]) == (2, 0)
    assert "MAL-2026-1  malware" in guarded.command("show", "Demo==1.0")
    (said,) = json.loads(guarded.command("show", "demo", "--json"))
    assert said["id"] == "MAL-2026-1"
    assert json.loads(guarded.command("show", "nothing", "--json")) == []
