"""An index that follows another server's: either of the two is killed, and goes on."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.archives import zipped
from tests.attestations import attestation, statement
from tests.cli.program import SECONDS, environment
from tests.faults.mortal import Arms, Mortal
from tests.faults.store import Store
from tests.faults.wire import BROKEN
from tests.packages import Built, sdist, wheel
from tests.web.api.managing import Manager, place
from tests.web.forms import Part, encode, headers, post, upload
from tests.web.tokens import granted

PRIMARY = """
[index.team]
uploads = true
default = true
"""
REPLICA = """
[upstream.primary]
kind = "cloche"
url = "{url}/team/"
password = "{secret}"

[index.main]
uploads = true
follow = "primary"
"""
FOLLOWER = (
    "halfway through write upload #3",
    "before rename upload to blob",
    "after rename upload to blob",
    "after insert uploads",
    "before insert documentation",
    "before commit #2",
    "after commit #2",
)
"""Moments of the follower, each further on: bytes, the steps that need them, how far it is."""
TELLING = ("before body of an answer", "after head of an answer #2", "before body of an answer #4")
"""Moments of a primary that is asked for its journal, and for bytes."""
TAKING = {"before commit": False, "after body of an answer": True}
"""Moments of a primary that is uploaded to, and whether that is in its journal then."""
NEW = wheel("acme", "4.0", size=300_000)
STATE = {
    "uploads": "project, version, filename, digest, size, hashes, metadata, provenance, "
    "uploaded_at, uploaded_by, deleted_at",
    "statuses": "project, status, reason",
    "yanks": "project, version, filename, reason",
    "documentation": "project, path, digest, size",
}
JOURNAL = (
    "SELECT at, who, action, project, version, filename FROM journal "
    "WHERE place = ? AND project IS NOT NULL ORDER BY serial"
)


@dataclass(frozen=True, slots=True)
class Side:
    """One server's data, and which index it is about."""

    folder: Path
    index: str

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def config(self) -> Path:
        return self.folder / "cloche.toml"

    def state(self) -> dict[str, list[tuple[Any, ...]]]:
        """All that the index has, and how it came to be."""
        with closing(sqlite3.connect(self.data / "cloche.db")) as connection:
            found = {
                table: sorted(
                    connection.execute(
                        f"SELECT {columns} FROM {table} WHERE index_name = ?",  # noqa: S608
                        (self.index,),
                    ),
                    key=repr,
                )
                for table, columns in STATE.items()
            }
            return found | {"journal": connection.execute(JOURNAL, (self.index,)).fetchall()}

    def command(
        self, *arguments: str, arms: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        where = ("--data", "data", "--config", "cloche.toml")
        return subprocess.run(
            [sys.executable, "-m", "cloche", *arguments, *where],
            cwd=self.folder,
            env=environment(self.folder, arms),
            capture_output=True,
            text=True,
            timeout=SECONDS * 3,
            check=False,
        )


@dataclass(frozen=True, slots=True)
class Stage:
    """A primary with a history, not running, and a replica that knows the beginning of that."""

    folder: Path
    primary: Side
    replica: Side
    port: int
    admin: str

    def server(self, at: str | None = None) -> Mortal:
        """The primary, as it is or one that dies at a moment once it is armed."""
        env = None if at is None else Arms(self.primary.folder).env(at)
        return Mortal(self.primary.data, config=self.primary.config, env=env, port=self.port)

    def followed(self) -> None:
        """Follow to the end; fail unless the same is here then, and whole."""
        done = self.replica.command("follow")
        assert done.returncode == 0, done.stdout + done.stderr
        assert self.replica.state() == self.primary.state()
        store = Store.usual(self.replica.data)
        store.age()
        store.sweep()
        assert (store.litter(), store.unsound()) == (set(), [])

    def copy(self, folder: Path) -> "Stage":
        copied = shutil.copytree(self.folder, folder / "stage")
        primary, replica = Side(copied / "primary", "team"), Side(copied / "replica", "main")
        with closing(sqlite3.connect(replica.data / "cloche.db")) as connection, connection:
            # By its path the copy is another node, which would wait for the first one's lease.
            connection.execute("UPDATE following SET holder = NULL")
        return Stage(copied, primary, replica, self.port, self.admin)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    folder = tmp_path_factory.mktemp("followed")
    primary, replica = Side(folder / "primary", "team"), Side(folder / "replica", "main")
    for side in (primary, replica):
        side.folder.mkdir()
    primary.config.write_text(PRIMARY)
    with Mortal(primary.data, config=primary.config) as server:
        port = int(server.url.rpartition(":")[2])
        admin = granted(primary.data, "admin", index="*")
        secret = granted(primary.data, "follow", index="team")
        replica.config.write_text(REPLICA.format(url=server.url, secret=secret))
        first(server, admin)
        done = replica.command("follow")
        assert done.returncode == 0, done.stdout + done.stderr
        later(server, admin)
    return Stage(folder, primary, replica, port, admin)


@pytest.fixture
def stage(prepared: Stage, tmp_path: Path) -> Stage:
    return prepared.copy(tmp_path)


def publish(server: Mortal, admin: str, built: Built, **more: Any) -> None:
    reply = upload(server.url, built, admin, "/team/legacy/", **more)
    assert reply.status == 200, reply.body


def first(server: Mortal, admin: str) -> None:
    one = wheel("acme", "1.0")
    publish(server, admin, one, attestations=json.dumps([attestation(statement(one))]))
    publish(server, admin, sdist("acme", "2.0"))


def later(server: Mortal, admin: str) -> None:
    """One of each kind that is followed."""
    manager, gone = Manager(server, admin), wheel("salt", "1.0")
    publish(server, admin, wheel("acme", "3.0", size=200_000))
    publish(server, admin, gone)
    yank = place("acme", "versions", "1.0", "yank", index="team")
    manager.do("POST", yank, {"reason": "bad"})
    manager.do("POST", place("acme", "versions", "2.0", "yank", index="team"), {"reason": "worse"})
    manager.do("DELETE", yank)
    manager.do("PUT", place("acme", "status", index="team"), {"status": "deprecated"})
    manager.do("DELETE", place("salt", "files", gone.filename, index="team"))
    form = [
        Part(":action", b"doc_upload"),
        Part("name", b"acme"),
        Part("content", zipped({"index.html": "<h1>Acme</h1>"}), "acme.zip"),
    ]
    assert post(server.url, "/team/legacy/", encode(form), headers(admin)).status == 200


def test_the_follower_is_killed(stage: Stage) -> None:
    """At one moment after the other, further on each time: then each step is done, and once."""
    arms, whole = Arms(stage.replica.folder), stage.primary.state()["journal"]
    with stage.server():
        for moment in FOLLOWER:
            arms.arm()
            done = stage.replica.command("follow", arms=arms.env(moment))

            assert done.returncode == -signal.SIGKILL, (moment, done, arms.seen())
            told = stage.replica.state()["journal"]
            assert told == (whole if moment == FOLLOWER[-1] else whole[:2])
            assert Store.usual(stage.replica.data).unsound() == []
        stage.followed()


def test_the_primary_is_killed(stage: Stage) -> None:
    """While it tells: what came whole stays at the follower, and the rest comes when it is back."""
    for moment in TELLING:
        with stage.server(moment) as server:
            Arms(stage.primary.folder).arm()
            done = stage.replica.command("follow")
            assert server.ended(SECONDS) == -signal.SIGKILL
        assert done.returncode == 1, done
        assert "cannot be reached" in done.stdout or "broke off" in done.stdout, done
        assert Store.usual(stage.replica.data).unsound() == []
    with stage.server():
        stage.followed()


@pytest.mark.parametrize(("moment", "kept"), TAKING.items())
def test_the_primary_is_killed_over_an_upload(stage: Stage, moment: str, *, kept: bool) -> None:
    """A follower promoted then says up to when it has all; what it lacks is named afterwards.

    One that goes on following has it as the primary does.
    """
    with stage.server():
        stage.followed()
    with stage.server(moment) as server:
        Arms(stage.primary.folder).arm()
        acknowledged = taken(server, stage.admin)
        assert server.ended(SECONDS) == -signal.SIGKILL
    level = stage.replica.state()
    heir = Side(Path(shutil.copytree(stage.replica.folder, stage.folder / "heir")), "main")

    promoted = heir.command("promote", "main")

    assert promoted.returncode == 0, promoted.stderr
    assert "is unknown here" in promoted.stdout
    with stage.server():
        named = heir.command("follow", "main", "--dry-run")
        assert (NEW.filename in named.stdout) is kept
        assert kept or not acknowledged
        assert heir.state()["uploads"] == level["uploads"]
        stage.followed()
    assert (NEW.filename in {each[2] for each in stage.replica.state()["uploads"]}) is kept


def taken(server: Mortal, admin: str) -> bool:
    """Upload; whether that was acknowledged before the server died."""
    try:
        return upload(server.url, NEW, admin, "/team/legacy/").status == 200
    except BROKEN:
        return False
