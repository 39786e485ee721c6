"""`cloche explain`: what a running server shows, told beside it."""

import json
from pathlib import Path

import pytest

from tests.cli.program import refused, run
from tests.packages import wheel
from tests.upstream.controller import Upstream

OLD, NEW = wheel("ce-demo", "1.0"), wheel("ce-demo", "2.0")


@pytest.fixture
def folder(tmp_path: Path, upstream: Upstream) -> Path:
    """A folder with settings: an index with a cooldown, over an upstream of two releases."""
    for built in (OLD, NEW):
        upstream.add(built)
    (tmp_path / "cloche.toml").write_text(
        f'[upstream.pypi]\nurl = "{upstream.simple}"\n'
        '[index.main]\nsources = ["pypi"]\n'
        '[[index.main.rule]]\nkind = "cooldown"\nname = "patience"\ndays = 36500\n'
        'exempt = ["ce-demo==1.0"]\n'
    )
    return tmp_path


def test_a_table_and_json(folder: Path) -> None:
    """The table has each file with its state and reason, and JSON has the same."""
    arguments = ("explain", "main", "ce-demo", "--config", "cloche.toml")
    table, told = run(folder, *arguments), run(folder, *arguments, "--json")

    assert (table.returncode, told.returncode) == (0, 0), table.stderr
    lines = {line.split()[1]: line for line in table.stdout.splitlines() if ".whl" in line}
    assert lines[OLD.filename].startswith("listed")
    assert lines[NEW.filename].startswith("denied")
    assert "deny by patience of main: it is in cooldown" in lines[NEW.filename]
    assert "pypi  asked: owns" in table.stdout
    found = json.loads(told.stdout)
    assert {file["filename"]: file["state"] for file in found["files"]} == {
        OLD.filename: "listed",
        NEW.filename: "denied",
    }


def test_a_version(folder: Path) -> None:
    """One version is told of alone, however it is written."""
    done = run(folder, "explain", "main", "CE_Demo==v1.0", "--config", "cloche.toml")

    assert OLD.filename in done.stdout
    assert NEW.filename not in done.stdout


def test_the_default_index(folder: Path) -> None:
    """A project alone is meant in the default index; an index alone is not enough."""
    done = run(folder, "explain", "ce-demo==1.0", "--config", "cloche.toml")
    lacking = run(folder, "explain", "main", "--config", "cloche.toml")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("index main shows the project")
    assert "say which project" in refused(lacking)


def test_nothing_is_there(folder: Path) -> None:
    """What is not there is explained, with exit code 1."""
    done = run(folder, "explain", "main", "ce-nobody", "--config", "cloche.toml")

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("index main has no project ce-nobody")


def test_an_unknown_index(folder: Path) -> None:
    """An index that is not there is an error of the command line."""
    done = run(folder, "explain", "other", "ce-demo", "--config", "cloche.toml")

    assert "no index 'other'" in refused(done)
