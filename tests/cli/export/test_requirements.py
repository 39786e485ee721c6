"""`cloche export --requirements`: with all that the requirements need again."""

from pathlib import Path

import pytest

from tests.cli.export.conftest import Exporting
from tests.cli.export.trees import SDIST, files, projects
from tests.packages import sdist, wheel
from tests.upstream.controller import Upstream

FAST = wheel("fast", "1.0")
LIB, NEW_LIB = wheel("lib", "1.0", requires=["deep"]), wheel("lib", "2.0")
DEEP = wheel("deep", "1.0", requires=["cached<1"])
APP = wheel("app", "1.0", requires=["lib<2", "fast; extra == 'fast'", "none-such; extra == 'x'"])
PLAIN = sdist("plain", "1.0", requires=["fast"])
SILENT = sdist("silent", "1.0", metadata_version="2.1")


@pytest.fixture(autouse=True)
def listed(upstream: Upstream) -> None:
    for built in (FAST, LIB, NEW_LIB, DEEP, APP):
        upstream.add(built)
    for built in (PLAIN, SILENT):
        upstream.add(built, metadata=False)


def names(*built: object) -> set[str]:
    return {str(getattr(each, "filename", "")) for each in built}


def test_what_it_needs(folder: Path, export: Exporting) -> None:
    """What a list names is there with what that needs: versions that satisfy, and no others."""
    (folder / "wanted.txt").write_text("app\n")

    assert export("--requirements", "wanted.txt").returncode == 0
    assert files(folder / "target") == names(APP, LIB, DEEP, SDIST)
    assert projects(folder / "target") == ["app", "cached", "deep", "lib"]

    assert export("--requirements", "wanted.txt", "--no-deps").returncode == 0
    assert files(folder / "target") == names(APP)


def test_extras(folder: Path, export: Exporting) -> None:
    """Extras of a line bring what they need; what nobody has is told, with the exit code 1."""
    (folder / "wanted.txt").write_text("app[Fast]\nlib==2.0\n")
    done = export("--requirements", "wanted.txt")
    assert (done.returncode, done.stdout.count("lacking")) == (0, 0)
    assert files(folder / "target") == names(APP, LIB, NEW_LIB, DEEP, FAST, SDIST)

    (folder / "wanted.txt").write_text("app[x]\n")
    done = export("--requirements", "wanted.txt")
    assert done.returncode == 1
    assert "lacking  none-such: index main has no project none-such" in done.stdout


def test_sdists(folder: Path, export: Exporting) -> None:
    """An sdist tells what it needs if that holds for good; of another it is noted."""
    (folder / "wanted.txt").write_text("plain\nsilent\n")
    done = export("--requirements", "wanted.txt")

    assert done.returncode == 0
    assert files(folder / "target") == names(PLAIN, SILENT, FAST)
    notes = [line for line in done.stdout.splitlines() if line.startswith("note")]
    only = "it only comes as an sdist that does not say them"
    assert notes == [f"note  dependencies of silent 1.0 are not known: {only}"]


def test_locked(folder: Path, export: Exporting) -> None:
    """Where files are named by their hashes, all is: nothing is looked for besides."""
    (folder / "wanted.txt").write_text(f"app==1.0 --hash=sha256:{APP.sha256}\n")

    assert export("--requirements", "wanted.txt").returncode == 0
    assert files(folder / "target") == names(APP)
