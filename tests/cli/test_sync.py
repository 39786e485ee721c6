"""`cloche sync`: what it takes, says, and how it ends."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.program import Program, refused, run
from tests.cli.test_imports import TELL
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


NOTHING_NEW = "pypi: looked at 0 projects, brought 0 files (0 bytes), dropped 0, 0 failed"
BRINGING = {"sqlalchemy", "aiohttp", "uvloop", "multiprocessing", "cloche.service.one"}


def imported(done: subprocess.CompletedProcess[str]) -> set[str]:
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


def test_nothing_new(tmp_path: Path, world: Listed) -> None:
    """Nothing new is one request, told as by any run, and without what would bring anything."""
    sync(tmp_path)
    before = events(sync(tmp_path, "--status", "--json"))
    world.requests()
    done = run(tmp_path, "sync", "--config", "cloche.toml", env=TELL)
    again = events(sync(tmp_path, "--json"))
    after = events(sync(tmp_path, "--status", "--json"))

    assert world.requests() == ["/simple/", "/simple/"]
    assert done.stdout.splitlines()[0] == NOTHING_NEW
    assert "2 of 2 projects" in done.stdout.splitlines()[1]
    assert done.returncode == 0
    assert not BRINGING & imported(done)
    assert [each["event"] for each in again] == ["done", "status"]
    moments = {"listed_at", "complete_at", "seconds"}
    (was,), (now,), told = before, after, again[1]
    assert {**was, **dict.fromkeys(moments)} == {**now, **dict.fromkeys(moments)}
    assert {**told, "seconds": 0} == {**now, "seconds": 0}
    assert was["complete_at"] < now["complete_at"]


@pytest.mark.parametrize("news", ["file", "rule", "full", "down"])
def test_something_new(tmp_path: Path, world: Listed, news: str) -> None:
    """What is new is found as ever, and so is an upstream that is down."""
    sync(tmp_path)
    world.requests()
    options: tuple[str, ...] = ()
    match news:
        case "file":
            world.publish(wheel("demo", "2.0"))
        case "rule":
            rule = '[[index.main.rule]]\nkind = "deny"\nwhat = ["other"]\n'
            with (tmp_path / "cloche.toml").open("a") as settings:
                settings.write(f'[index.main]\nsources = ["pypi"]\n{rule}')
        case "full":
            options = ("--full",)
        case "down":
            world.broken["/simple/"] = 500
    done = sync(tmp_path, *options)

    assert world.requests()[0] == "/simple/"
    looked = {"file": "looked at 1 projects", "rule": "dropped 1", "full": "looked at 2 projects"}
    if news == "down":
        assert (done.returncode, done.stderr) == (1, "cloche: pypi: pypi answers 500\n")
    else:
        assert (done.returncode, done.stderr) == (0, "")
        assert looked[news] in done.stdout


def test_on_a_schedule(tmp_path: Path, world: Listed) -> None:
    """A server does it by itself, and logs each run in a line with counts, also one that fails."""
    config = tmp_path / "cloche.toml"
    said = config.read_text().replace(
        "[upstream.pypi.mirror]", "attempts = 1\n[upstream.pypi.mirror]"
    )
    config.write_text(said + "every = 1\n")

    with Program(tmp_path, "serve", "--config", "cloche.toml", "--port", "0") as server:
        until(lambda: " synced upstream=pypi projects=2 files=2 " in server.err)
        until(lambda: " synced upstream=pypi projects=0 files=0 " in server.err)
        world.publish(wheel("demo", "2.0"))
        until(lambda: " synced upstream=pypi projects=1 files=1 " in server.err)
        world.broken["/simple/"] = 500
        until(lambda: " could not sync upstream=pypi error=" in server.err)
        server.interrupt()
        assert server.end() == 0

    line = next(line for line in server.err.splitlines() if " synced " in line)
    size = DEMO.size + OTHER.size
    assert line.partition(" size=")[2] == f"{size} dropped=0 failed=0"
