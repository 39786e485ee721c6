"""`cloche admit` and `cloche admissions`, beside a running server."""

import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.cli.program import refused, run
from tests.packages import wheel
from tests.server import Cloche
from tests.web.answers import listed
from tests.web.forms import upload
from tests.web.tokens import granted

ONE = wheel("ca-own", "1.0")
SETTINGS = """
[index.main]
default = true
uploads = true
[[index.main.rule]]
kind = "cooldown"
[index.team]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloche]:
    folder = tmp_path_factory.mktemp("admitting")
    (folder / "cloche.toml").write_text(SETTINGS)
    with Cloche(folder / "data", config=folder / "cloche.toml") as running:
        assert upload(running.url, ONE, granted(running.data, "upload")).status == 200
        yield running


@pytest.fixture
def folder(server: Cloche) -> Path:
    return server.data.parent


def cloche(folder: Path, *arguments: str) -> CompletedProcess[str]:
    return run(folder, *arguments, "--data", "data", "--config", "cloche.toml")


def test_letting_past(server: Cloche, folder: Path) -> None:
    """The server shows at once what a command lets past, and withholds it when that is ended."""
    assert server.get("/simple/ca-own/").status == 403

    done = cloche(folder, "admit", "main", "CA_own==1.0", "--reason", "a hole", "--for", "3d")

    assert (done.returncode, done.stdout) == (0, f"{ONE.filename}\n")
    assert done.stderr.startswith("admitted until 20")
    assert done.stderr.endswith(" UTC, 1 file now\n")
    assert listed(server, "ca-own") == [ONE.filename]
    head, *lines = cloche(folder, "admissions", "--current").stdout.splitlines()
    assert head.split() == ["number", "state", "index", "what", "rule", "until", "who", "reason"]
    assert lines[-1].split()[1:6] == ["holds", "main", "ca-own", "1.0", "all"]

    done = cloche(folder, "admit", "main", "ca-own==1.0", "--end", "--reason", "done")
    assert (done.returncode, done.stdout) == (0, "")
    assert server.get("/simple/ca-own/").status == 403
    assert cloche(folder, "admissions", "--current", "--index", "main").stdout.count("\n") == 1
    (found,) = json.loads(cloche(folder, "admissions", "--json").stdout)
    assert found["admission"]["reason"] == "a hole"
    assert found["ended_by"] == found["admission"]["who"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["main", "ca-own", "--for", "3d"], "Missing option '--reason'"),
        (["main", "ca-own", "--reason", "x"], "say until when"),
        (["main", "ca-own", "--reason", "x", "--for", "31d"], "at most 30 days"),
        (["main", "ca-own", "--reason", "x", "--until", "2020-01-01"], "is over"),
        (["main", "ca-own==x", "--reason", "x", "--for", "3d"], "'x' is not a version"),
        (["main", "-", "--reason", "x", "--for", "3d"], "not a project name"),
        (["team", "ca-own", "--reason", "x", "--for", "3d"], "no rules of its own"),
        (["none", "ca-own", "--reason", "x", "--for", "3d"], "no index 'none'"),
        (["main", "ca-own", "--reason", "x", "--end"], "cloche admissions"),
        (["main", "ca-own", "--reason", "x", "--end", "--for", "3d"], "leave --for"),
    ],
)
def test_what_is_refused(folder: Path, arguments: list[str], words: str) -> None:
    """A wrong word is one line that says what to do."""
    assert words in refused(cloche(folder, "admit", *arguments))
