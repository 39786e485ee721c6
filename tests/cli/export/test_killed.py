"""An export that is killed: readers find whole pages, and the next run ends what it began."""

import shutil
import signal
from pathlib import Path

import msgspec
import pytest

from tests.cli.export.site.sitecustomize import AT
from tests.cli.export.trees import OWN, lies_at, tree
from tests.cli.program import Program, run
from tests.packages import wheel
from tests.upstream.controller import Upstream
from tests.waiting import until

SITE = Path(__file__).with_name("site")


@pytest.fixture(scope="module")
def before_and_after(
    prepared: tuple[Path, str],
    tmp_path_factory: pytest.TempPathFactory,
    upstream_process: Upstream,
) -> Path:
    """A folder with an export, the data as it is after changes, and a new export of that."""
    folder = tmp_path_factory.mktemp("killed")
    shutil.copytree(prepared[0], folder / "data")
    upstream_process.reset()
    asked = ("--data", "data", "--held-only")
    assert run(folder, "export", "before", *asked).returncode == 0
    for words in (
        ("delete", "own-name", "1.0"),
        ("yank", "own-name", "2.0", "--reason", "bad"),
        ("status", "cached", "archived"),
    ):
        assert run(folder, *words, "--data", "data").returncode == 0
    assert run(folder, "export", "after", *asked).returncode == 0
    return folder


def listed_files_are_there(target: Path) -> int:
    """Check every page, and return how many links were followed."""
    links = 0
    for page in target.glob("simple/*/index.v1_json"):
        for file in msgspec.json.decode(page.read_bytes())["files"]:
            assert lies_at(target, page.parent.name, file["url"]).stat().st_size == file["size"]
            links += 1
    return links


@pytest.mark.parametrize(
    ("begun", "moment"),  # of some 47: the beginning, new files, pages, removals, the list
    [*(("before", moment) for moment in (3, 14, 27, 40)), ("nothing", 9), ("nothing", 33)],
)
def test_killed(before_and_after: Path, tmp_path: Path, moment: int, begun: str) -> None:
    """Killed at any moment, it leaves no half page, and again makes what a new export is."""
    source = before_and_after
    if begun == "before":
        shutil.copytree(source / "before", tmp_path / "target", symlinks=True)
    asked = ("export", "target", "--data", source / "data", "--held-only", "--jobs", "1")
    env = {"PYTHONPATH": str(SITE), AT: str(moment)}

    killed = run(tmp_path, *asked, env=env)
    followed = listed_files_are_there(tmp_path / "target")
    again = run(tmp_path, *asked)

    assert killed.returncode == -signal.SIGKILL
    assert followed or begun == "nothing"
    assert again.returncode == 0, again.stderr
    assert tree(tmp_path / "target") == tree(source / "after")


def test_ctrl_c(folder: Path, upstream: Upstream) -> None:
    """Ctrl-C ends it with 130 and a sentence; what is at it meanwhile is named to a second one."""
    (cached,) = [wheel("cached", "1.0+local.1", size=300_000)]
    asked = ("export", "target", "--data", "data", "--upstream", upstream.simple)
    with (
        upstream.gate(upstream.file(cached), after=200_000, times=1),
        Program(folder, *asked) as program,
    ):
        until(lambda: [*folder.glob(f"target/packages/*/*/{OWN.filename}")], 60)
        second = run(folder, *asked)
        program.interrupt()
        code = program.end(60)

    assert (second.returncode, f"process {program.process.pid} on" in second.stderr) == (2, True)
    assert code == 130
    assert program.err == "cloche: stopped; what is written stays, run it again to go on\n"
    assert run(folder, *asked).returncode == 0
