"""`cloche sync`: what it takes, says, and how it ends."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.program import Program, refused, run
from tests.listed import Listed, listed
from tests.packages import wheel
from tests.waiting import until

DEMO, OTHER = wheel("demo", "1.0"), wheel("other", "1.0")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Listed]:
    with listed() as found:
        found.publish(DEMO, OTHER)
        (tmp_path / "cloche.toml").write_text(
            f'[upstream.pypi]\nurl = "{found.simple}"\n[upstream.pypi.mirror]\nmode = "all"\n'
        )
        yield found


def sync(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(folder, "sync", *arguments, "--config", "cloche.toml")


def events(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in done.stdout.splitlines()]


def test_for_people(tmp_path: Path, world: Listed) -> None:
    """A run ends with what it did, and how the mirror stands, each on a line."""
    assert world.url
    done = sync(tmp_path)

    first, second = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert first.startswith("pypi: looked at 2 projects, brought 2 files (")
    assert second.startswith("pypi: 2 of 2 projects, 2 of 2 files, ")


def test_for_programs(tmp_path: Path, world: Listed) -> None:
    """Each event is an object on a line; what failed has its cause, and the exit code is 1."""
    world.broken["/simple/demo/"] = 500
    done = sync(tmp_path, "--json")
    told = events(done)
    status = sync(tmp_path, "--status", "--json")

    assert (done.returncode, done.stderr) == (1, "")
    kinds = [each["event"] for each in told]
    assert sorted(kinds) == ["done", "failed", "project", "project", "status"]
    failed = next(each for each in told if each["event"] == "failed")
    assert (failed["project"], failed["cause"]) == ("demo", "pypi answers 500")
    (now,) = events(status)
    assert status.returncode == 1
    assert (now["complete"], now["failed"], now["held"]["projects"]) == (False, 1, 1)
    assert now["failures"] == [{"project": "demo", "filename": None, "cause": "pypi answers 500"}]


def test_no_list(tmp_path: Path, world: Listed) -> None:
    """An upstream that cannot be asked is one line of error, and exit code 1."""
    world.broken["/simple/"] = 500
    done = sync(tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "cloche: pypi: pypi answers 500\n"


def test_nothing_to_sync(tmp_path: Path) -> None:
    """Where no upstream is a mirror, that is said with its cure."""
    (tmp_path / "cloche.toml").write_text("")

    assert "no upstream is a mirror" in refused(sync(tmp_path))


def test_stopped(tmp_path: Path, world: Listed) -> None:
    """Ctrl-C ends it with one line; the next run brings the rest."""
    world.slow.add("/simple/other/")
    with Program(tmp_path, "sync", "--config", "cloche.toml") as program:
        until(lambda: "/simple/other/" in world.asked, 60)
        program.interrupt()
        assert program.end() == 130
        assert program.err == "cloche: stopped; what has come is kept, run it again to go on\n"
    world.slow.clear()

    assert sync(tmp_path).returncode == 0
