"""What is deleted upstream is dropped, hidden or kept here, as the mirror's settings say."""

from pathlib import Path

import pytest

from tests.mirror import history
from tests.mirror.mirror import Mirror
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


def statuses(mirror: Mirror, past: dict[str, dict[str, Listed]]) -> set[int]:
    """How the addresses are answered that the deleted files had."""
    with Cloche(mirror.data, config=mirror.config, offline=True) as server:
        return {
            server.get(f"/packages/main/{project}/{each.built.sha256}/{name}").status
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
