"""`cloche yank`, `unyank`, `delete`, `status`, `journal`: beside a running server, or without."""

import json
import os
import pwd
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.cli.program import refused, run
from tests.packages import wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.web.answers import detail
from tests.web.forms import upload
from tests.web.tokens import granted

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
ONE, TWO = wheel("cm-own", "1.0"), wheel("cm-own", "2.0")
FAR = wheel("cm-far", "1.0")


def written(folder: Path, upstream: Upstream) -> Path:
    file = folder / "cloche.toml"
    file.write_text(
        f'[upstream.pypi]\nurl = "{upstream.simple}"\n'
        "[index.team]\nuploads = true\n"
        '[index.main]\ndefault = true\nuploads = true\nsources = ["team", "pypi"]\n'
    )
    return file


@pytest.fixture
def settings(tmp_path: Path, upstream: Upstream) -> Path:
    return written(tmp_path, upstream)


@pytest.fixture
def server(tmp_path: Path, upstream: Upstream, settings: Path) -> Iterator[Cloche]:
    """A server of two workers that has two own releases, over an upstream that has one."""
    upstream.add(FAR)
    with Cloche(tmp_path / "data", config=settings, workers=2) as running:
        publish(running)
        yield running


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Path:
    """The folder of a server that had two own releases, and has ended."""
    folder = tmp_path_factory.mktemp("closed")
    with Cloche(folder / "data", config=written(folder, upstream_process)) as server:
        publish(server)
    return folder


def publish(server: Cloche) -> None:
    token = granted(server.data, "upload", index="*")
    for built in (ONE, TWO):
        assert upload(server.url, built, token).status == 200


def cloche(folder: Path, *arguments: str) -> CompletedProcess[str]:
    return run(folder, *arguments, "--data", "data", "--config", "cloche.toml")


def done(folder: Path, *arguments: str) -> str:
    """What a command that must succeed prints on standard output."""
    found = cloche(folder, *arguments)
    assert found.returncode == 0, found.stderr
    return found.stdout


def seen(server: Cloche, project: str) -> dict[str, object]:
    """Each file of a page, and its yank: whichever worker answers."""
    pages = {server.get(f"/simple/{project}/", JSON).body for _ in range(6)}
    (page,) = pages
    return {file["filename"]: file.get("yanked", False) for file in json.loads(page)["files"]}


def test_a_running_server_shows_it_at_once(tmp_path: Path, server: Cloche) -> None:
    """A yank by version or by file, of an upload or an upstream's, is seen when it is done."""
    assert seen(server, "cm-own") == {ONE.filename: False, TWO.filename: False}
    assert seen(server, "cm-far") == {FAR.filename: False}

    assert done(tmp_path, "yank", "cm-own", "1.0", "--reason", "bad") == f"{ONE.filename}\n"
    assert done(tmp_path, "yank", "CM_own", TWO.filename) == f"{TWO.filename}\n"
    assert done(tmp_path, "yank", "cm-far", "1.0", "--reason", "no") == f"{FAR.filename}\n"
    assert seen(server, "cm-own") == {ONE.filename: "bad", TWO.filename: True}
    assert seen(server, "cm-far") == {FAR.filename: "no"}

    undone = cloche(tmp_path, "unyank", "cm-own", "1.0")
    assert (undone.stdout, undone.stderr) == (f"{ONE.filename}\n", "unyanked 1 file\n")
    done(tmp_path, "unyank", "cm-far", FAR.filename)
    done(tmp_path, "unyank", "cm-far", "1.0")
    assert seen(server, "cm-own") == {ONE.filename: False, TWO.filename: True}
    assert seen(server, "cm-far") == {FAR.filename: False}


def test_deleting(tmp_path: Path, server: Cloche) -> None:
    """A version goes, then the project, and the server says so."""
    assert done(tmp_path, "delete", "cm-own", "1.0") == f"{ONE.filename}\n"
    assert list(seen(server, "cm-own")) == [TWO.filename]

    assert "say what" in refused(cloche(tmp_path, "delete", "cm-own"))
    assert "say what" in refused(cloche(tmp_path, "delete", "cm-own", "2.0", "--all"))
    assert list(seen(server, "cm-own")) == [TWO.filename]

    assert done(tmp_path, "delete", "cm-own", "--all", "--reason", "x") == f"{TWO.filename}\n"
    reply = server.get("/simple/cm-own/")
    assert (reply.status, "were deleted from index main" in detail(reply)) == (404, True)
    assert "it is deleted" in refused(cloche(tmp_path, "delete", "cm-own", "--all"))


def test_status(tmp_path: Path, server: Cloche) -> None:
    """A status is shown, set and removed, for an upstream's project too."""
    for project in ("cm-own", "cm-far"):
        assert done(tmp_path, "status", project) == "active\n"
        said = done(tmp_path, "status", project, "quarantined", "--reason", "malware")
        assert said == done(tmp_path, "status", project) == "quarantined: malware\n"
        assert seen(server, project) == {}
        assert done(tmp_path, "status", project, "--remove") == "left to the source\n"
        assert done(tmp_path, "status", project) == "active\n"
        assert len(seen(server, project)) > 0


def test_the_journal(tmp_path: Path, server: Cloche) -> None:
    """The journal has who ran a command as the operating system knows them, and why."""
    me = pwd.getpwuid(os.getuid()).pw_name
    env = {"USER": "somebody-else", "LOGNAME": "somebody-else"}
    arguments = ("--data", "data", "--config", "cloche.toml")
    run(tmp_path, "yank", "cm-own", "1.0", "--reason", "bad\u202e", *arguments, env=env)
    run(tmp_path, "yank", "cm-own", "1.0", "--reason", "bad", *arguments, env=env)

    found = json.loads(done(tmp_path, "journal", "cm-own", "--json"))
    assert [(entry["who"], entry["action"]) for entry in found] == [
        ("tester", "file uploaded"),
        ("tester", "file uploaded"),
        (me, "version yanked"),
    ]
    assert found[-1]["detail"] == {"reason": "bad"}
    head, *lines = done(tmp_path, "journal", "cm-own").splitlines()
    assert head.split() == ["serial", "at", "who", "action", "what", "detail"]
    assert lines[-1].split()[2:] == [me, "version", "yanked", "1.0", "reason:", "bad"]
    since = str(found[0]["serial"])
    assert len(done(tmp_path, "journal", "cm-own", "--since", since).splitlines()) == 3
    assert len(done(tmp_path, "journal", "cm-own", "--limit", "1").splitlines()) == 2
    assert server.get("/-/health").status == 200


def test_without_a_server(tmp_path: Path, settings: Path, upstream: Upstream) -> None:
    """What is done while no server runs is shown by the next one, without asking an upstream."""
    upstream.add(FAR)
    with Cloche(tmp_path / "data", config=settings) as server:
        assert seen(server, "cm-far") == {FAR.filename: False}
    asked = len(upstream.requests())

    done(tmp_path, "yank", "cm-far", "1.0", "--reason", "no")
    done(tmp_path, "status", "cm-far", "deprecated")

    assert len(upstream.requests()) == asked
    with Cloche(tmp_path / "data", config=settings) as server:
        assert seen(server, "cm-far") == {FAR.filename: "no"}


def test_a_status_while_the_upstream_is_down(
    tmp_path: Path, settings: Path, upstream: Upstream
) -> None:
    """A project can be quarantined, and released, when its upstream cannot be asked."""
    assert settings.exists()
    with upstream.down():
        said = done(tmp_path, "status", "cm-away", "quarantined", "--reason", "malware")
        assert said == "quarantined: malware\n"
        assert done(tmp_path, "status", "cm-away", "--remove") == "left to the source\n"


def test_another_index(tmp_path: Path, server: Cloche) -> None:
    """A command is about the default index unless another one is named."""
    token = granted(server.data, "upload", index="team")
    mine = wheel("cm-team", "1.0")
    assert upload(server.url, mine, token, path="/team/legacy/").status == 200

    assert "deleted only there" in refused(cloche(tmp_path, "delete", "cm-team", "1.0"))
    assert done(tmp_path, "delete", "cm-team", "1.0", "--index", "team") == f"{mine.filename}\n"
    assert "no index 'x'; known are" in refused(
        cloche(tmp_path, "yank", "cm-team", "1.0", "--index", "x")
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["yank"], "Missing argument"),
        (["yank", "cm-own"], "Missing argument"),
        (["yank", "cm-own", "9.9"], "index main has no file of cm-own 9.9"),
        (["unyank", "cm-own", "cm_own-9.zip"], "index main has no file of cm_own-9.zip"),
        (["yank", "-x-", "1"], "-x"),
        (["yank", "cm-own", "a/b"], "cannot be a filename"),
        (["yank", "cm-nobody", "1"], "no project cm-nobody"),
        (["yank", "cm-own", "1.0", "--reason", "a\nb"], "a reason is one line"),
        (["status", "cm-own", "gone"], "'gone' is not one of"),
        (["status", "cm-own", "active", "--remove"], "not both"),
        (["status", "cm-nobody", "archived"], "no project cm-nobody"),
        (["journal", "cm-own", "--limit", "0"], "Invalid value for '--limit'"),
    ],
)
def test_what_is_refused(closed: Path, arguments: list[str], words: str) -> None:
    """A wrong word is one line that says what to do, and changes nothing."""
    before = entries(closed)
    assert words in refused(cloche(closed, *arguments))
    assert entries(closed) == before


def entries(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "data" / "cloche.db")) as connection:
        (count,) = connection.execute("SELECT count(*) FROM journal").fetchone()
    return int(count)
