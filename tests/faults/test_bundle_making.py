"""`cloche bundle create` is killed, stopped and left without room, and run again."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.program import SECONDS, environment
from tests.faults import disks
from tests.faults.disks import Disk, SmallDisk
from tests.faults.mortal import Arms
from tests.packages import wheel
from tests.server import Cloche
from tests.web.forms import upload

MOMENTS = (
    "after add",
    "before rename new head to head",
    "after rename new head to head",
    "after write #4",
    "before create done",
    "before rename archive to bundle",
    "after rename archive to bundle",
)
SETTINGS = """\
[index.main]
uploads = true
default = true
"""
ROOM = 200 << 10
"""Bytes that are left: fewer than the files have."""

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True, slots=True)
class Near:
    """A folder with settings, data, and the bundle that is made of them when nothing happens."""

    folder: Path
    bundle: bytes

    def create(
        self,
        where: Path,
        arms: dict[str, str] | None = None,
        longest: int | None = None,
    ) -> Done:
        limit = ["prlimit", f"--fsize={longest}"] if longest is not None else []
        moment = ("--index", "main", "--as-of", "3")
        settings = ("--data", "data", "--config", "cloche.toml")
        done = subprocess.run(
            [*limit, sys.executable, "-m", "cloche", "bundle", "create", where, *moment, *settings],
            cwd=self.folder,
            env=environment(self.folder, arms),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS * 3,
            check=False,
        )
        assert "Traceback" not in done.stderr + done.stdout, done.stderr
        return done

    def goes_on(self, where: Path) -> None:
        """Fail unless the same command now makes the bundle, to the byte, and leaves no more."""
        done = self.create(where)
        assert done.returncode == 0, done.stderr
        assert where.read_bytes() == self.bundle
        assert not where.with_name(f"{where.name}.making").exists()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Near:
    """Two uploads, and the bundle of them."""
    folder = tmp_path_factory.mktemp("near")
    config = folder / "cloche.toml"
    config.write_text(SETTINGS)
    with Cloche(folder / "data", config=config) as server:
        for name in ("eggs", "salt"):
            built = wheel(name, "1.0", size=150_000)
            assert upload(server.url, built, server.first_token).status == 200
    near = Near(folder, b"")
    done = near.create(folder / "one.bundle")
    assert done.returncode == 0, done.stderr
    assert " 2 projects of index main" in done.stdout
    return Near(folder, (folder / "one.bundle").read_bytes())


@pytest.fixture
def near(made: Near, tmp_path: Path) -> Near:
    return Near(Path(shutil.copytree(made.folder, tmp_path / "copy")), made.bundle)


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed(near: Near, moment: str) -> None:
    """Killed at a moment and run again, it makes the same bytes as if nothing had happened."""
    where = near.folder / "again.bundle"
    arms = Arms(near.folder)
    arms.arm()

    done = near.create(where, arms.env(moment))

    assert done.returncode == -signal.SIGKILL, (done, arms.seen())
    near.goes_on(where)


@pytest.mark.parametrize("moment", ["after add", "after write #4"])
def test_stopped(near: Near, moment: str) -> None:
    """Ctrl-C ends it in one line, with no bundle; the next run goes on to the same bytes."""
    where = near.folder / "again.bundle"
    arms = Arms(near.folder)
    arms.arm()

    done = near.create(where, arms.env(moment, signal.SIGINT))

    assert arms.fired
    assert (done.returncode, done.stdout) == (130, ""), done.stderr
    assert done.stderr == "cloche: stopped; what is made stays, run it again to go on\n"
    assert not where.exists()
    near.goes_on(where)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A small file system where one can be mounted; else a limit on the length of each file."""
    folder = tmp_path / "disk"
    folder.mkdir()
    kinds = disks.available()
    with kinds.get("small disk", kinds["small files"])(folder) as disk:
        yield disk


def test_a_full_disk(near: Near, disk: Disk) -> None:
    """Where the medium has no room that is said, no bundle is there, and it goes on with room."""
    where = disk.folder / "again.bundle"
    is_small_disk = isinstance(disk, SmallDisk)
    if is_small_disk:
        disk.leave(ROOM)

    done = near.create(where, longest=None if is_small_disk else ROOM)

    assert done.returncode not in {0, 130}, done
    assert f"no room for more on the disk of {where}.making" in done.stderr
    assert not where.exists()
    if is_small_disk:
        disk.clear()
    near.goes_on(where)
