"""What is deleted upstream is dropped, hidden or kept here, as the mirror's settings say."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.program import environment
from tests.mirror import history
from tests.mirror.mirror import SECONDS, Mirror
from tests.mirror.scripted import Upstream
from tests.mirror.world import Listed
from tests.server import Cloche

FEW = history.FEWEST
DELETIONS = ("delete files", "delete releases", "delete projects")


@pytest.fixture
def deleted(scripted: Upstream) -> Upstream:
    scripted.found(FEW, bad=False)
    return scripted


def follow(mirror: Mirror, upstream: Upstream) -> dict[str, dict[str, Listed]]:
    """Mirror all, then the deletions; return what is gone."""
    assert mirror.sync().returncode == 0
    upstream.play(*DELETIONS)
    assert mirror.sync().returncode == 0
    return upstream.world.past


def statuses(
    mirror: Mirror, past: dict[str, dict[str, Listed]], under: str = "packages/main"
) -> set[int]:
    """How the addresses are answered that the deleted files had."""
    with Cloche(mirror.data, config=mirror.config, offline=True) as server:
        return {
            server.get(f"/{under}/{project}/{each.built.sha256}/{name}").status
            for project, files in past.items()
            for name, each in files.items()
        }


@pytest.mark.parametrize(("gone", "status"), [("drop", 404), ("hide", 200)])
def test_no_page_lists_it(deleted: Upstream, tmp_path: Path, gone: str, status: int) -> None:
    """Deleted files, releases and projects are listed nowhere; hidden ones still can be had."""
    mirror = Mirror(tmp_path, deleted.simple(), gone)

    past = follow(mirror, deleted)

    assert mirror.differences(deleted.expected(), only={*past, *deleted.expected()}) == []
    assert statuses(mirror, past) == {status}


def test_it_is_listed_as_yanked(deleted: Upstream, tmp_path: Path) -> None:
    """Kept ones are listed, yanked, with their bytes, those of deleted projects too."""
    mirror = Mirror(tmp_path, deleted.simple(), "keep")

    past = follow(mirror, deleted)

    assert mirror.differences(deleted.world.kept(), only={*past, *deleted.expected()}) == []


def test_a_snapshot_keeps_its_bytes(deleted: Upstream, tmp_path: Path) -> None:
    """What is dropped keeps its bytes where a snapshot shows it, and can be had from that again."""
    mirror = Mirror(tmp_path, deleted.simple(), "drop")
    assert mirror.sync().returncode == 0
    before = sizes(mirror)
    assert command(mirror, "snapshot", "create", "audit").returncode == 0

    deleted.play(*DELETIONS)
    assert mirror.sync().returncode == 0
    assert command(mirror, "gc").returncode == 0

    past = deleted.world.past
    assert past
    assert before <= sizes(mirror)
    assert mirror.differences(deleted.expected(), only={*past, *deleted.expected()}) == []
    assert statuses(mirror, past) == {403}
    again = replace(mirror, gone="hide")
    assert statuses(again, past, "as-of/audit/packages") == {200}


def sizes(mirror: Mirror) -> set[tuple[str, int]]:
    """The blobs that there are."""
    folder = mirror.data / "blobs" / "sha256"
    return {(each.name, each.stat().st_size) for each in folder.glob("*/*/*")}


def command(mirror: Mirror, *words: str) -> subprocess.CompletedProcess[str]:
    where = ("--data", mirror.data, "--config", mirror.config)
    return subprocess.run(
        [sys.executable, "-m", "cloche", *words, *where],
        env=environment(mirror.folder),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
