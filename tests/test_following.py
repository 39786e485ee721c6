"""A real server that follows another, which is uploaded to, killed, set back and replaced."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.archives import zipped
from tests.attestations import attestation, statement
from tests.packages import Built, sdist, wheel
from tests.server import Cloche, Reply
from tests.waiting import until
from tests.web.answers import detail
from tests.web.api.managing import Manager, place
from tests.web.forms import Part, encode, headers, post, upload
from tests.web.tokens import basic, granted

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
SECONDS = 90.0  # for what takes one, on a machine that has much else to do

PRIMARY = """
[index.dev]
uploads = true

[index.team]
uploads = true
read = "authenticated"
default = true
"""
REPLICA = """
[upstream.primary]
kind = "cloche"
url = "{url}"
password = "{secret}"

[index.main]
uploads = true
follow = "primary"
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two servers that run: `secret` may do everything on the first one."""

    folder: Path
    primary: Cloche
    replica: Cloche
    secret: str

    @property
    def admin(self) -> Manager:
        return Manager(self.primary, self.secret)

    def publish(self, built: Built, **more: Any) -> None:
        reply = upload(self.primary.url, built, self.secret, "/team/legacy/", **more)
        assert reply.status == 200, reply.body

    def shown(self, project: str) -> Any:
        """The project's page at the replica; None while there is none."""
        reply = self.replica.get(f"/simple/{project}/", JSON)
        return json.loads(reply.body) if reply.status == 200 else None

    def files(self, project: str) -> dict[str, Any]:
        page = self.shown(project)
        return {file["filename"]: file for file in page["files"]} if page else {}

    def arrives(self, built: Built) -> None:
        until(lambda: built.filename in self.files(built.project), SECONDS)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command beside the replica."""
        config = ("--data", str(self.replica.data), "--config", str(self.replica.config))
        return self.replica.command(*arguments, *config)

    def known(self, what: str) -> Any:
        """A column of what the replica knows of how far it is."""
        with closing(sqlite3.connect(self.replica.data / "cloche.db")) as connection:
            return connection.execute(f"SELECT {what} FROM following").fetchone()[0]  # noqa: S608

    def level(self) -> None:
        """Wait until the replica has all that the primary has by now."""
        with closing(sqlite3.connect(self.primary.data / "cloche.db")) as connection:
            newest = connection.execute("SELECT max(serial) FROM journal").fetchone()[0]
        until(lambda: self.known("serial") >= newest, SECONDS)


def primary_of(folder: Path, more: str = "") -> Cloche:
    config = folder / "primary.toml"
    config.write_text(PRIMARY + more)
    return Cloche(folder / "primary", config=config)


def replica_of(folder: Path, primary: Cloche, secret: str, more: str = "") -> Cloche:
    config = folder / "replica.toml"
    config.write_text(REPLICA.format(url=f"{primary.url}/team/", secret=secret) + more)
    return Cloche(folder / "replica", config=config)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A new pair; whichever runs in the end is killed."""
    primary = primary_of(tmp_path)
    primary.start()
    primary.port = int(primary.url.rpartition(":")[2])
    replica = replica_of(tmp_path, primary, granted(primary.data, "follow", index="team"))
    try:
        replica.start()
        yield Pair(tmp_path, primary, replica, granted(primary.data, "admin", index="*"))
    finally:
        primary.kill()
        replica.kill()


def test_everything_is_followed(pair: Pair) -> None:
    """What is done there is seen here: uploads, pushes, yanks, deletions, status, documentation."""
    one, two = wheel("acme", "1.0"), sdist("acme", "2.0")
    said = json.dumps([attestation(statement(one))])
    pair.publish(one, attestations=said)
    pair.publish(two)
    pair.arrives(two)
    there = json.loads(pair.primary.get("/simple/acme/", {**JSON, **basic(pair.secret)}).body)
    keep = ("filename", "hashes", "size", "upload-time", "core-metadata", "requires-python")
    theirs = [{key: file.get(key) for key in keep} for file in there["files"]]
    here = pair.shown("acme")
    assert [{key: file.get(key) for key in keep} for file in here["files"]] == theirs
    proven = pair.replica.get(f"/integrity/acme/1.0/{one.filename}/provenance")
    assert proven.status == 200
    assert content(pair.replica, here, one.filename) == one.content
    assert content(pair.replica, here, two.filename) == two.content

    pair.admin.do("POST", place("acme", "versions", "1.0", "yank", index="team"), {"reason": "bad"})
    until(lambda: pair.files("acme")[one.filename].get("yanked") == "bad", SECONDS)
    pair.admin.do("DELETE", place("acme", "versions", "1.0", "yank", index="team"))
    until(lambda: not pair.files("acme")[one.filename].get("yanked"), SECONDS)
    wanted = {"status": "deprecated", "reason": "old"}
    pair.admin.do("PUT", place("acme", "status", index="team"), wanted)
    until(lambda: pair.shown("acme").get("project-status") == wanted, SECONDS)
    assert pair.admin.ask("DELETE", place("acme", "status", index="team")).status == 204
    until(lambda: pair.shown("acme").get("project-status") != wanted, SECONDS)
    pair.admin.do("DELETE", place("acme", "files", two.filename, index="team"))
    until(lambda: list(pair.files("acme")) == [one.filename], SECONDS)

    document(pair, "acme", {"index.html": "<h1>Acme</h1>", "a/b.html": "deep"})
    docs = "/project/acme/docs/"
    until(lambda: pair.replica.get(docs).body == b"<h1>Acme</h1>", SECONDS)
    assert pair.replica.get(f"{docs}a/b.html").body == b"deep"

    pushed = wheel("pushed", "1.0")
    assert upload(pair.primary.url, pushed, pair.secret, "/dev/legacy/").status == 200
    push = {"from": "dev", "project": "pushed", "version": "1.0"}
    pair.admin.do("POST", "/-/api/v1/indexes/team/push", push)
    pair.arrives(pushed)

    pair.admin.do("DELETE", place("acme", index="team"))
    until(lambda: pair.shown("acme") is None, SECONDS)
    pair.level()
    told = pair.command("journal", "acme", "--json")
    actions = [entry["action"] for entry in json.loads(told.stdout)]
    assert actions[:2] == ["file uploaded"] * 2
    assert actions[-1] == "file deleted"


def document(pair: Pair, name: str, site: dict[str, str]) -> None:
    form = [
        Part(":action", b"doc_upload"),
        Part("name", name.encode()),
        Part("content", zipped(site), f"{name}.zip"),
    ]
    reply = post(pair.primary.url, "/team/legacy/", encode(form), headers(pair.secret))
    assert reply.status == 200, reply.body


def content(server: Cloche, page: Any, filename: str) -> bytes:
    [url] = [file["url"] for file in page["files"] if file["filename"] == filename]
    reply = server.get("/" + url.replace("../", ""))
    assert reply.status == 200
    return reply.body


def test_changes_are_made_there(pair: Pair) -> None:
    """The replica takes none, and says where the primary is; its own token does not help."""
    built = wheel("acme", "1.0")
    pair.publish(built)
    pair.arrives(built)
    secret = granted(pair.replica.data, "admin", index="*")
    manager = Manager(pair.replica, secret)

    refused: list[Reply] = [
        upload(pair.replica.url, wheel("mine", "1.0"), secret),
        manager.ask("POST", place("acme", "versions", "1.0", "yank"), {}),
        manager.ask("DELETE", place("acme")),
        manager.ask("PUT", place("acme", "status"), {"status": "archived"}),
    ]

    for reply in refused:
        assert reply.status == 403
        assert f"{pair.primary.url}/team/" in detail(reply)
        assert "cloche promote main" in detail(reply)
    done = pair.command("yank", "acme", "1.0")
    assert done.returncode == 2
    assert f"{pair.primary.url}/team/" in done.stderr
    assert list(pair.files("acme")) == [built.filename]


def test_the_primary_dies(pair: Pair) -> None:
    """With the primary killed, pip and uv install from the replica; promoted, it takes uploads."""
    one, two = wheel("acme", "1.0", requires=["salt"]), wheel("salt", "2.0")
    pair.publish(two)
    pair.publish(one)
    pair.arrives(one)
    pair.level()
    serial = pair.known("serial")
    metrics = pair.replica.get("/-/metrics").body.decode()
    assert 'cloche_following_behind{index="main"}' in metrics
    refused = pair.command("promote", "main")
    assert refused.returncode == 2
    assert "still answers" in refused.stderr

    pair.primary.kill()
    install(pair, "acme")
    until(lambda: pair.known("trouble"), SECONDS)
    said = pair.command("follow", "--status", "--json")
    [status] = json.loads(said.stdout)
    assert said.returncode == 1
    assert (status["state"], status["behind"]) == ("in trouble", 0)
    assert "cannot be reached" in status["trouble"]
    done = pair.command("promote", "main")

    assert done.returncode == 0, done.stderr
    assert f"up to its serial {serial}" in done.stdout
    assert "unknown here" in done.stdout
    mine = wheel("acme", "1.1")
    secret = granted(pair.replica.data, "upload")
    assert upload(pair.replica.url, mine, secret).status == 200
    assert set(pair.files("acme")) == {one.filename, mine.filename}
    assert pair.command("promote", "main").returncode == 2


def install(pair: Pair, name: str) -> None:
    """With pip and uv, each into a folder of its own."""
    simple = pair.replica.simple
    bin_ = Path(sys.executable).parent
    for count, tool in enumerate(
        (
            (sys.executable, "-m", "pip", "install", "--no-cache-dir", "--index-url", simple),
            (bin_ / "uv", "pip", "install", "--no-cache", "--default-index", simple),
        )
    ):
        target = pair.folder / f"target-{count}"
        done = subprocess.run(
            [*tool, "--target", target, name],
            env={"PATH": os.environ["PATH"], "HOME": str(pair.folder)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert (target / "acme").exists() or (target / "acme.py").exists()


def test_the_old_primary_comes_back(pair: Pair) -> None:
    """What had not come is named; nothing of it comes by itself, and it cannot follow as it is."""
    one, late = wheel("acme", "1.0"), wheel("late", "1.0")
    pair.publish(one)
    pair.arrives(one)
    pair.level()
    pair.replica.kill()
    pair.publish(late)
    pair.primary.kill()
    pair.replica.start()
    assert pair.command("promote", "main").returncode == 0
    mine = wheel("mine", "1.0")
    assert upload(pair.replica.url, mine, granted(pair.replica.data, "upload")).status == 200

    pair.primary.start()
    named = pair.command("follow", "main", "--dry-run")
    assert late.filename in named.stdout
    assert "file uploaded" in named.stdout
    assert one.filename not in named.stdout
    pair.replica.stop()
    pair.replica.start()  # its settings still say that it follows
    assert "remove `follow`" in pair.replica.log
    assert pair.shown("late") is None
    assert pair.shown("mine") is not None
    until(lambda: "never came here" in (pair.known("trouble") or ""), SECONDS)
    said = pair.command("follow", "--status", "--json")
    assert (said.returncode, "promoted by" in json.loads(said.stdout)[0]["state"]) == (1, True)

    pair.primary.stop()
    secret = granted(pair.replica.data, "follow")
    more = f"""
        follow = "heir"
        [upstream.heir]
        kind = "cloche"
        url = "{pair.replica.url}/main/"
        password = "{secret}"
        """
    former = primary_of(pair.folder, more)
    with former:
        until(lambda: "uploads of its own" in former.log, SECONDS)
        refused = upload(former.url, wheel("more", "1.0"), pair.secret, "/team/legacy/")
        assert refused.status == 403
        assert f"{pair.replica.url}/main/" in detail(refused)
        assert former.get("/team/simple/mine/", basic(pair.secret)).status == 404


def test_the_replica_dies(pair: Pair) -> None:
    """Killed in the middle, it goes on where it was: all that was uploaded meanwhile comes once."""
    builds = [wheel("acme", f"1.{number}", size=100_000) for number in range(40)]
    for built in builds[:20]:
        pair.publish(built)
    pair.arrives(builds[0])
    pair.replica.kill()
    for built in builds[20:]:
        pair.publish(built)
    pair.replica.start()
    pair.replica.kill()
    pair.replica.start()
    pair.arrives(builds[-1])

    page = pair.shown("acme")
    assert {file["filename"] for file in page["files"]} == {built.filename for built in builds}
    told = json.loads(pair.command("journal", "acme", "--json").stdout)
    assert [entry["filename"] for entry in told] == [built.filename for built in builds]
    for built in builds[::13]:
        assert content(pair.replica, page, built.filename) == built.content


def test_a_journal_that_was_set_back(pair: Pair) -> None:
    """A primary restored from its backup is refused, and the reason is told; nothing is merged."""
    pair.publish(wheel("acme", "1.0"))
    pair.primary.stop()
    shutil.copytree(pair.primary.data, pair.folder / "backup")
    pair.primary.start()
    lost = wheel("acme", "2.0")
    pair.publish(lost)
    pair.arrives(lost)
    pair.level()
    pair.primary.stop()
    shutil.rmtree(pair.primary.data)
    shutil.copytree(pair.folder / "backup", pair.primary.data)
    pair.primary.start()
    for version in ("3.0", "4.0"):
        pair.publish(wheel("acme", version))

    until(lambda: "backup" in (pair.known("trouble") or ""), SECONDS)
    assert lost.filename in pair.files("acme")
    assert len(pair.files("acme")) == 2


def test_credentials(tmp_path: Path) -> None:
    """Who may not follow is told so in the primary's words; the right token is enough."""
    with primary_of(tmp_path) as primary:
        built = wheel("acme", "1.0")
        secret = granted(primary.data, "upload", index="team")
        where = ("--data", str(tmp_path / "replica"), "--config", str(tmp_path / "replica.toml"))
        assert upload(primary.url, built, secret, "/team/legacy/").status == 200
        for wrong, words in (
            (granted(primary.data, "read", index="team"), "may not follow in index team"),
            ("cloche_x_y", "unknown, expired or revoked"),
        ):
            replica = replica_of(tmp_path, primary, wrong)
            done = replica.command("follow", *where, "--json")
            assert done.returncode == 1
            assert words in json.loads(done.stdout.splitlines()[-1])["error"]
        replica = replica_of(tmp_path, primary, granted(primary.data, "follow", index="team"))
        done = replica.command("follow", *where)
        assert done.returncode == 0, done.stdout
        assert "main has all of" in done.stdout
        well = json.loads(replica.command("doctor", "--json", *where).stdout)
        [found] = [each for each in well if each["part"] == "follows main"]
        assert found["well"], found
    with replica:
        page = json.loads(replica.get("/simple/acme/", JSON).body)
        assert content(replica, page, built.filename) == built.content


def test_several_workers_and_nodes(tmp_path: Path, postgres_url: str) -> None:
    """On PostgreSQL, with two workers on each of two nodes, each step is done once."""
    builds = [wheel("acme", f"1.{number}") for number in range(30)]
    with primary_of(tmp_path) as primary:
        secret = granted(primary.data, "admin", index="*")
        for built in builds[:15]:
            assert upload(primary.url, built, secret, "/team/legacy/").status == 200
        blobs = (tmp_path / "blobs").as_uri()
        store = f'[store]\ndatabase = "{postgres_url}"\nblobs = "{blobs}"\n'
        one, two = (
            Cloche(tmp_path / name, config=made.config, workers=2)
            for name, made in (
                (name, replica_of(tmp_path, primary, secret, store)) for name in ("one", "two")
            )
        )
        with one, two:
            for built in builds[15:]:
                assert upload(primary.url, built, secret, "/team/legacy/").status == 200
            until(lambda: len(listed(one)) == len(listed(two)) == len(builds), SECONDS)
            where = ("--data", str(one.data), "--config", str(one.config))
            told = json.loads(one.command("journal", "acme", "--json", *where).stdout)

    assert [entry["filename"] for entry in told] == [built.filename for built in builds]


def listed(node: Cloche) -> list[str]:
    reply = node.get("/simple/acme/", JSON)
    return [each["filename"] for each in json.loads(reply.body).get("files", [])]
