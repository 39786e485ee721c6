"""2,000 projects mirrored whole, then kept up to date through the upstream's history."""

from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.mirror import history
from tests.mirror.mirror import Done, Mirror
from tests.mirror.scripted import Upstream
from tests.mirror.world import Expected

MANY = 2000
TOGETHER = (
    ("publish", "yank"),
    ("unyank", "delete files", "delete releases", "delete projects"),
    ("publish again", "rename", "quarantine"),
    ("release", "jump back"),
)
"""Steps of the history, by what comes between two runs."""
BAD = {history.FAILING, history.SPOILED}

pytestmark = pytest.mark.xdist_group("mirror of many")


@pytest.fixture(scope="module")
def first(
    scripted_process: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Mirror, Done, Expected]:
    """Mirror the upstream whole, once for all of these."""
    scripted_process.found(MANY)
    mirror = Mirror(tmp_path_factory.mktemp("first"), scripted_process.simple())
    return mirror, mirror.sync(), scripted_process.expected()


def test_everything_is_there(first: tuple[Mirror, Done, Expected]) -> None:
    """Offline, every page, file and metadata of 2,000 projects is served as upstream has it."""
    mirror, _, expected = first

    assert len(expected) == MANY - 1
    assert mirror.differences(expected) == []


def test_what_is_lacking_is_said(first: tuple[Mirror, Done, Expected]) -> None:
    """The project that fails and the file that is wrong end it with 1, each with its cause."""
    _, done, _ = first

    assert done.returncode == 1
    assert f"{history.FAILING}: mirrored answers 500" in done.stdout
    assert history.filename(history.SPOILED, "2.0") in done.stdout


def test_the_status_agrees(first: tuple[Mirror, Done, Expected]) -> None:
    """`--status` counts what the comparison found: expected, held, and what failed."""
    mirror, _, expected = first
    files = [fact for facts in expected.values() for fact in facts.values()]

    status = mirror.status()

    assert not status["complete"]
    assert status["projects"]["projects"] == MANY
    assert status["projects"]["files"] == len(files)
    assert status["held"]["files"] == len([fact for fact in files if fact.had])
    assert (status["failed"], status["due"], status["lag"]) == (2, 0, 0)
    assert {each["project"] for each in status["failures"]} == BAD
    assert mirror.sync("--status").returncode == 1


def test_the_history_is_followed(
    first: tuple[Mirror, Done, Expected], scripted: Upstream, tmp_path: Path
) -> None:
    """After each run the mirror has what the upstream has: as much as is new was asked for."""
    mirror = first[0].copy(tmp_path)
    scripted.found(MANY)
    touched: set[str] = set()
    for steps in TOGETHER:
        before = scripted.world.listed()[0]
        scripted.play(*steps)
        after = scripted.world.listed()[0]
        changed = after.items() - before.items()
        touched |= {canonicalize_name(name) for name, _ in before.items() ^ after.items()}
        scripted.asked()

        mirror.sync()

        asked = scripted.asked()
        assert asked["list"] == 1
        assert asked["page"] == len(changed) + 1  # and that of the project that fails
        assert mirror.holding.differences(scripted.expected()) == []

    assert mirror.differences(scripted.expected(), only=touched) == []
