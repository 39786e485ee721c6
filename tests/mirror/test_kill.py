"""`cloche sync` is killed, at one moment after the other, and run again on what it left."""

import signal
from pathlib import Path

import pytest

from tests.faults.mortal import Arms
from tests.mirror import history
from tests.mirror.mirror import Mirror
from tests.mirror.scripted import Upstream

FEW = history.FEWEST
STEPS = ("publish", "yank", "delete files", "delete projects", "publish again", "quarantine")
"""What is new upstream when a mirror is killed that was complete before."""
WHOLE = (
    "after insert leases",
    "before insert mirrored",
    "after insert mirrored",
    "after insert documents #5",
    "after insert pages #40",
    "halfway through write scratch #3",
    "before rename scratch to blob #20",
    "before insert held",
    "after insert held",
    "before update mirrors #2",
)
LATER = (
    "before update mirrors",
    "before insert mirrored",
    "before insert recalls",
    "after update pages #5",
    "before commit #3",
    "after commit #3",
    "after rename scratch to blob #9",
    "after delete held",
    "before update mirrored",
    "before delete leases",
)


def strike(mirror: Mirror, at: str) -> None:
    """Let a run die at the moment."""
    arms = Arms(mirror.folder)
    arms.arm()
    done = mirror.sync(env=arms.env(at))
    assert done.returncode == -signal.SIGKILL, (done, arms.seen())


def recover(mirror: Mirror, upstream: Upstream) -> None:
    """Run it again, plainly: the mirror is what it should be, and says so."""
    assert mirror.holding.unsound() == []
    done = mirror.sync()
    assert done.returncode == 0, done
    assert mirror.holding.differences(upstream.expected()) == []


@pytest.mark.parametrize("moment", WHOLE)
def test_the_first_run(scripted: Upstream, tmp_path: Path, moment: str) -> None:
    """A first run that was killed is ended by the next."""
    scripted.found(FEW, bad=False)
    mirror = Mirror(tmp_path, scripted.simple())

    strike(mirror, moment)

    recover(mirror, scripted)


@pytest.mark.parametrize("moment", LATER)
def test_a_later_run(scripted: Upstream, complete: Mirror, tmp_path: Path, moment: str) -> None:
    """What is new, changed and gone upstream is followed although a run was killed over it."""
    mirror = complete.copy(tmp_path)
    scripted.found(FEW, bad=False)
    scripted.play(*STEPS)

    strike(mirror, moment)

    recover(mirror, scripted)


def test_what_a_killed_run_brought_is_not_brought_again(scripted: Upstream, tmp_path: Path) -> None:
    """The next run goes on from what was recorded: it asks for no page that is settled."""
    scripted.found(FEW, bad=False)
    mirror = Mirror(tmp_path, scripted.simple())
    strike(mirror, "before delete failures #2")
    scripted.asked()

    recover(mirror, scripted)

    assert scripted.asked()["page"] < FEW - 2
