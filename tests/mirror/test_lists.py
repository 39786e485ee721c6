"""Whatever the list of projects is like, none is lost, and no more is asked for than is needed."""

from pathlib import Path

import pytest

from tests.mirror import history
from tests.mirror.answering import FLAVOURS, Flavour
from tests.mirror.mirror import Mirror
from tests.mirror.scripted import Upstream

FEW = history.FEWEST
WITHOUT_DELAYS = [step for step in history.STEPS if step not in {"stall", "late pages"}]


@pytest.fixture
def mirror(scripted: Upstream, complete: Mirror, tmp_path: Path) -> Mirror:
    """Give a mirror of a small upstream in which nothing is wrong."""
    scripted.found(FEW, bad=False)
    return complete.copy(tmp_path)


def test_nothing_new_is_one_request(mirror: Mirror, scripted: Upstream) -> None:
    """When nothing has changed the list is asked for once, and nothing else."""
    scripted.asked()

    done = mirror.sync()

    assert done.returncode == 0
    assert scripted.asked() == {"list": 1}
    assert mirror.status()["complete"]
    assert mirror.holding.differences(scripted.expected()) == []


@pytest.mark.parametrize("flavour", FLAVOURS[1:])
def test_other_lists_do_as_well(scripted: Upstream, tmp_path: Path, flavour: Flavour) -> None:
    """With XML-RPC, or with names alone, the mirror follows the same history to the same end."""
    scripted.found(FEW, bad=False)
    mirror = Mirror(tmp_path, scripted.simple(flavour))
    assert mirror.sync().returncode == 0
    assert mirror.holding.differences(scripted.expected()) == []

    scripted.play(*WITHOUT_DELAYS)

    assert mirror.sync().returncode == 0
    assert mirror.holding.differences(scripted.expected()) == []


def test_serials_by_xml_rpc(scripted: Upstream, tmp_path: Path) -> None:
    """Where XML-RPC alone tells serials, they tell of the files as those of a list would."""
    scripted.found(FEW, bad=False)
    mirror = Mirror(tmp_path, scripted.simple("xmlrpc"))
    assert mirror.sync().returncode == 0
    scripted.asked()

    assert mirror.sync().returncode == 0
    assert scripted.asked() == {"call": 1}

    scripted.play("yank")
    assert mirror.sync().returncode == 0
    assert scripted.asked() == {"call": 2, "list": 1, "page": 2 * history.EACH}
    assert mirror.holding.differences(scripted.expected()) == []


def test_a_list_of_names_alone_tells_nothing_of_files(scripted: Upstream, tmp_path: Path) -> None:
    """Where nothing tells serials, the same names may have other files: every page is asked for."""
    scripted.found(FEW, bad=False)
    mirror = Mirror(tmp_path, scripted.simple("plain"))
    assert mirror.sync().returncode == 0

    scripted.play("yank")

    assert mirror.sync().returncode == 0
    assert mirror.holding.differences(scripted.expected()) == []


def test_a_list_that_stalls_loses_nothing(mirror: Mirror, scripted: Upstream) -> None:
    """A list of yesterday tells of no change; once it is of today, all that it missed comes."""
    before = scripted.expected()
    scripted.play("stall")
    assert mirror.sync().returncode == 0
    assert mirror.holding.differences(before) == []

    scripted.play("catch up")

    assert mirror.sync().returncode == 0
    assert mirror.holding.differences(scripted.expected()) == []


def test_a_page_older_than_its_serial_stays_due(mirror: Mirror, scripted: Upstream) -> None:
    """A page out of a late cache is not taken for the new one: its project is said to lack it."""
    scripted.play("late pages")

    done = mirror.sync()

    assert done.returncode == 1
    status = mirror.status()
    late = set(history.some("late pages"))
    assert {each["project"] for each in status["failures"]} == late
    assert not status["complete"]
    scripted.play("pages in time")
    assert mirror.sync().returncode == 0
    assert mirror.holding.differences(scripted.expected()) == []


def test_serials_that_jump_back_lose_nothing(mirror: Mirror, scripted: Upstream) -> None:
    """An upstream whose serials begin again, lower, is followed as before."""
    scripted.play("jump back")

    assert mirror.sync().returncode == 0
    assert mirror.holding.differences(scripted.expected()) == []


def test_without_a_list_nothing_changes(mirror: Mirror, scripted: Upstream) -> None:
    """No list, or one that suddenly names nothing, ends with 1 and takes nothing away."""
    before = scripted.expected()

    scripted.outage(now=True)
    assert mirror.sync().returncode == 1
    scripted.outage(now=False)
    scripted.empty(now=True)
    assert mirror.sync().returncode == 1
    scripted.empty(now=False)

    assert mirror.holding.differences(before) == []
    assert mirror.sync().returncode == 0


def test_a_dry_run_changes_nothing(mirror: Mirror, scripted: Upstream) -> None:
    """It says how many files would come, and brings none."""
    before = scripted.expected()
    scripted.play("publish")
    new = sum(map(len, scripted.expected().values())) - sum(map(len, before.values()))

    done = mirror.sync("--dry-run")

    assert done.returncode == 0
    assert f"would bring {new} files" in done.stdout
    assert mirror.holding.differences(before) == []
    assert mirror.sync().returncode == 0
    assert mirror.holding.differences(scripted.expected()) == []
