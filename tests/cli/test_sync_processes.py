"""`cloche sync` in several processes: as one, whichever of them dies."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.program import Program
from tests.listed import Listed, listed
from tests.packages import wheel
from tests.waiting import until

BUILT = [wheel(f"demo-{number}", "1.0") for number in range(12)]
PATHS = {f"/files/{each.project}/{each.filename}" for each in BUILT}
SYNC = ("sync", "--processes", "2", "--jobs", "8", "--config", "cloche.toml")
BOTH = 8  # projects that two processes have under way with so many jobs, each half of them
SECONDS = 120.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Listed]:
    with listed() as found:
        found.publish(*BUILT)
        (tmp_path / "cloche.toml").write_text(
            f'[upstream.pypi]\nurl = "{found.simple}"\npage_timeout = 600\nread_timeout = 600\n'
            '[upstream.pypi.mirror]\nmode = "all"\n'
        )
        yield found


@pytest.fixture
def halfway(tmp_path: Path, world: Listed) -> Iterator[Program]:
    """Give a run of which each process waits for files."""
    world.slow |= PATHS
    with Program(tmp_path, *SYNC, "--json") as program:
        until(lambda: len(PATHS & set(world.asked)) == BOTH, SECONDS)
        yield program


def beside(program: Program) -> list[int]:
    """The processes that the run has started, of whatever kind."""
    pid = program.process.pid
    listings = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(each) for listing in listings for each in listing.read_text().split()]


def hand(program: Program) -> int:
    """The one that brings files."""
    (found,) = [
        pid for pid in beside(program) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    return found


def runs(pid: int) -> bool:
    with suppress(OSError):
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return False


def events(text: str) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in text.splitlines()]


def held(told: list[dict[str, Any]]) -> int:
    """Files that are held, as the status at the end has it."""
    files: int = told[-1]["held"]["files"]
    return files


def again(folder: Path) -> list[dict[str, Any]]:
    """What the next run tells, which finds nobody in its way and ends well."""
    with Program(folder, "sync", "--json", "--config", "cloche.toml") as program:
        assert (program.end(SECONDS), program.err) == (0, "")
        return events(program.out)


def test_what_all_bring_is_told_as_one(tmp_path: Path, world: Listed, halfway: Program) -> None:
    """Each project is told once, whoever brought it, and the sum is of all."""
    world.slow.clear()

    assert halfway.end(SECONDS) == 0
    told = events(halfway.out)
    projects = sorted(each["project"] for each in told if each["event"] == "project")
    assert projects == sorted(each.project for each in BUILT)
    (done,) = [each for each in told if each["event"] == "done"]
    assert (done["projects"], done["files"]) == (len(BUILT), len(BUILT))
    assert done["size"] == sum(len(each.content) for each in BUILT)
    assert held(told) == len(BUILT)
    assert again(tmp_path)[0]["projects"] == 0


def test_a_project_that_fails_elsewhere(tmp_path: Path, world: Listed, halfway: Program) -> None:
    """What failed in whichever process is told with its cause, and the exit code is 1."""
    world.wrong |= {each.filename for each in BUILT}
    world.slow.clear()

    assert halfway.end(SECONDS) == 1
    failed = [each for each in events(halfway.out) if each["event"] == "failed"]
    assert {each["filename"] for each in failed} == world.wrong
    assert all("not those that it lists" in each["cause"] for each in failed)
    world.wrong.clear()
    assert held(again(tmp_path)) == len(BUILT)


def test_a_process_that_dies(world: Listed, halfway: Program) -> None:
    """What a process was at that is killed is brought by the others."""
    killed = hand(halfway)
    os.kill(killed, signal.SIGKILL)
    until(lambda: not runs(killed), SECONDS)
    world.slow.clear()

    assert halfway.end(SECONDS) == 0
    assert held(events(halfway.out)) == len(BUILT)
    assert halfway.err == ""


def test_the_first_process_dies(tmp_path: Path, world: Listed, halfway: Program) -> None:
    """No process outlives the one that started it, and the next run finds nobody in its way."""
    started = beside(halfway)
    os.kill(halfway.process.pid, signal.SIGKILL)

    until(lambda: not any(map(runs, started)), SECONDS)
    world.slow.clear()
    assert held(again(tmp_path)) == len(BUILT)


def test_interrupted(tmp_path: Path, world: Listed, halfway: Program) -> None:
    """Ctrl-C, which reaches all of them, ends all with one line; the next run goes on."""
    started = beside(halfway)
    os.killpg(halfway.process.pid, signal.SIGINT)

    assert halfway.end(SECONDS) == 130
    assert halfway.err == "cloche: stopped; what has come is kept, run it again to go on\n"
    until(lambda: not any(map(runs, started)), SECONDS)
    world.slow.clear()
    assert held(again(tmp_path)) == len(BUILT)


def test_storage_that_another_process_misses(
    tmp_path: Path, world: Listed, halfway: Program
) -> None:
    """What ends all of it does so in whichever process it is met, and is said in one line."""
    first = sorted(each.project for each in BUILT)[: BOTH // 2]  # these are not the other's
    blobs = tmp_path / "cloche-data/blobs/sha256"
    blobs.rename(blobs.with_name("away"))
    world.slow = {path for path in PATHS if path.split("/")[2] in first}

    assert halfway.end(SECONDS) == 1
    assert halfway.err.count("\n") == 1
    assert "blobs cannot be used" in halfway.err
    world.slow.clear()
    blobs.with_name("away").rename(blobs)
    assert held(again(tmp_path)) == len(BUILT)


def test_little_to_do(tmp_path: Path, world: Listed) -> None:
    """What is little, one process does."""
    world.slow |= PATHS
    with Program(tmp_path, "sync", "--config", "cloche.toml") as program:
        until(lambda: len(PATHS & set(world.asked)) == len(BUILT), SECONDS)
        assert beside(program) == []
        world.slow.clear()
        assert program.end(SECONDS) == 0
