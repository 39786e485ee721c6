"""`cloche bundle apply` is killed at one moment after the other, and run again."""

import asyncio
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cloche.bundles.archive import Archive
from cloche.catalog import connect
from tests.bundles.making import ONE, TWO, bundle, origin
from tests.catalog.samples import HOUR
from tests.cli.program import SECONDS, environment
from tests.faults.mortal import Arms
from tests.faults.store import Store
from tests.packages import wheel

MOMENTS = (
    "halfway through write upload",
    "after rename upload to blob #2",
    "after insert arriving",
    "after commit #2",
    "before insert held",
    "before insert pages",
    "before commit #3",
    "after commit #3",
)
LATE = MOMENTS[-1]
STOPPED = {
    "after rename upload to blob #2": "one",
    "after insert arriving": "one",
    "before insert held": "two",
}
"""What shows after Ctrl-C at a moment."""
FAR = """\
[upstream.carried]
kind = "bundle"

[index.main]
sources = ["carried"]
default = true
"""
State = tuple[str | None, list[str]]


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder to which the first of two bundles was applied."""
    folder = tmp_path_factory.mktemp("applied")
    (folder / "cloche.toml").write_text(FAR)
    first = bundle(folder / "one")
    later = origin(first.header.at + HOUR)
    bundle(folder / "two", {**ONE, **TWO}, ONE, base=first, said=later)
    assert apply(folder, "one") == 0
    return folder


@pytest.fixture
def folder(applied: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(applied, tmp_path / "copy"))


def apply(folder: Path, name: str, arms: dict[str, str] | None = None) -> int:
    """Apply a bundle; return the exit code."""
    done = applying(folder, name, arms)
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode


def applying(
    folder: Path, name: str, arms: dict[str, str] | None = None, longest: int | None = None
) -> subprocess.CompletedProcess[str]:
    limit = ["prlimit", f"--fsize={longest}"] if longest is not None else []
    command = [*limit, sys.executable, "-m", "cloche", "bundle", "apply", name, "--allow-unsigned"]
    return subprocess.run(
        [*command, "--data", "data", "--config", "cloche.toml"],
        cwd=folder,
        env=environment(folder, arms),
        capture_output=True,
        text=True,
        timeout=SECONDS * 3,
        check=False,
    )


def state(folder: Path) -> State:
    """What the upstream shows: the bundle applied last, and its projects."""
    return asyncio.run(_state(folder))


async def _state(folder: Path) -> State:
    catalog = connect(f"sqlite:///{folder}/data/cloche.db")
    try:
        mark = await catalog.carried.mark("carried")
        return mark.bundle if mark else None, [*await catalog.pages.projects("carried")]
    finally:
        await catalog.close()


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed(folder: Path, moment: str) -> None:
    """The state before or the one after shows, never another; the same command again ends well."""
    one: State = (Archive([folder / "one"]).identity, ["eggs", "salt"])
    two: State = (Archive([folder / "two"]).identity, ["eggs", "pepper", "salt"])
    arms = Arms(folder)
    arms.arm()

    assert apply(folder, "two", arms.env(moment)) == -signal.SIGKILL, arms.seen()
    assert state(folder) == (two if moment == LATE else one)
    assert apply(folder, "two") == 0
    assert state(folder) == two
    store = Store.usual(folder / "data")
    store.age()
    store.sweep()
    assert (store.litter(), store.unsound()) == (set(), [])


@pytest.mark.parametrize(("moment", "shows"), STOPPED.items())
def test_stopped(folder: Path, moment: str, shows: str) -> None:
    """Ctrl-C ends it in one line before anything shows; once that has begun, all of it shows."""
    states: dict[str, State] = {
        "one": (Archive([folder / "one"]).identity, ["eggs", "salt"]),
        "two": (Archive([folder / "two"]).identity, ["eggs", "pepper", "salt"]),
    }
    arms = Arms(folder)
    arms.arm()

    done = applying(folder, "two", arms.env(moment, signal.SIGINT))

    assert arms.fired
    if shows == "one":
        assert (done.returncode, done.stdout) == (130, ""), done.stderr
        assert done.stderr == "cloche: stopped; nothing shows yet, run it again to go on\n"
    else:
        assert done.returncode == 0, done.stderr
        assert "carried has 2 pages new or changed" in done.stdout
    assert state(folder) == states[shows]
    assert apply(folder, "two") == 0
    assert state(folder) == states["two"]
    store = Store.usual(folder / "data")
    store.age()
    store.sweep()
    assert (store.litter(), store.unsound()) == (set(), [])


def test_no_room(folder: Path) -> None:
    """What cannot be written is said, shows nothing, and comes once there is room."""
    huge = wheel("pepper", "1.0", size=3_000_000)
    one = Archive([folder / "one"])
    later = origin(one.header.at + HOUR)
    bundle(folder / "huge", {**ONE, "pepper": [huge]}, ONE, base=one, said=later)

    done = applying(folder, "huge", longest=2_000_000)

    assert done.returncode not in {0, 130}, done
    assert "no room" in done.stderr
    assert "Traceback" not in done.stderr
    assert state(folder) == (one.identity, ["eggs", "salt"])
    assert apply(folder, "huge") == 0
    assert state(folder) == (Archive([folder / "huge"]).identity, ["eggs", "pepper", "salt"])
