"""The server is killed, at one moment after the other, and started again on what it left."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.bench import ACKNOWLEDGED, Bench
from tests.faults.scenes import (
    COLD,
    NEW,
    SMALL_ONE,
    Cold,
    ColdFile,
    ColdMetadata,
    Refresh,
    Scene,
    Upload,
    UploadAgain,
    UploadsAtOnce,
)
from tests.packages import Built

# The wheel's bytes come in writes 1 to 3, and its metadata is an "upload" of its own, number 2,
# that is kept first: the syncs and the rename of number 1 are the metadata's.
UPLOAD = (
    "before create upload",
    "before lock upload",
    "before write upload",
    "halfway through write upload",
    "halfway through write upload #3",
    "before create scratch",
    "halfway through write scratch",
    "before sync scratch",
    "before rename scratch to blob",
    "before sync blob folder",
    "before sync upload",
    "before rename upload to blob",
    "before sync blob folder #3",
    "before publish",
    "before begin immediate",
    "before insert journal",
    "before insert uploads",
    "before commit",
    "after commit",
    "before head of an answer",
    "before body of an answer",
    "after body of an answer",
)
# Both blobs of a small upload come from memory, the metadata first.
SMALL = (
    "halfway through write scratch #2",
    "before sync scratch #2",
    "after rename scratch to blob",
    "before sync blob folder",
    "before insert uploads",
)
AGAIN = (
    "before create upload",
    "halfway through write upload",
    "before lock blob",
    "before utime blob",
    "before sync blob",
    "before unlink upload",
    "before utime blob #2",
    "before commit",
    "before head of an answer",
)
PAGE = (
    "before keep",
    "before begin immediate",
    "before insert documents",
    "before insert journal",
    "before insert pages",
    "before commit",
    "after commit",
    "before head of an answer",
    "before body of an answer",
)
REFRESH = (
    "before update pages",
    "before commit",
    "after commit",
)
METADATA = (
    "before create scratch",
    "halfway through write scratch",
    "before rename scratch to blob",
    "after rename scratch to blob",
    "before hold",
    "before commit",
    "before head of an answer",
)
FILE = (
    "before create part",
    "before write new note",
    "before rename new note to note",
    "halfway through write part",
    "halfway through write part #3",
    "before head of an answer",
    "before body of an answer",
    "before body of an answer #10",
    "before rename part to blob",
    "before hold",
    "before update held",
    "before insert held",
    "before commit",
    "after commit",
    "before release",
    "before unlink note",
)

DURABLE = (
    "after sync scratch",
    "before rename scratch to blob",
    "after rename scratch to blob",
    "before sync blob folder",
    "after sync blob folder #2",
    "after sync upload",
    "before rename upload to blob",
    "after rename upload to blob",
    "before sync blob folder #3",
    "after sync blob folder #3",
    "before begin immediate",
    "after commit",
    "before head of an answer",
)
DURABLE_SMALL = (
    "after sync scratch",
    "after sync scratch #2",
    "before rename scratch to blob",
    "after rename scratch to blob #2",
    "before sync blob folder",
    "after sync blob folder #3",
    "before begin immediate",
    "after commit",
    "before head of an answer",
)
DRIVEN = {
    "upload": UPLOAD,
    "small upload": SMALL,
    "upload again": AGAIN,
    "page": PAGE,
    "refresh": REFRESH,
    "metadata": METADATA,
    "file": FILE,
}
MOMENTS = [(scene, moment) for scene, moments in DRIVEN.items() for moment in moments]


def staged(name: str) -> Scene:
    """Set a new scene up."""
    scenes: dict[str, Scene] = {
        "upload": Upload(),
        "small upload": Upload(SMALL_ONE),
        "upload again": UploadAgain(ACKNOWLEDGED),
        "page": Cold(),
        "refresh": Refresh(),
        "metadata": ColdMetadata(),
        "file": ColdFile(),
    }
    return scenes[name]


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a folder that nothing can be renamed into from the data."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        other = Path(folder)
        assert other.stat().st_dev != tmp_path.stat().st_dev
        yield other


@pytest.mark.parametrize(("name", "moment"), MOMENTS, ids=[f"{s}: {m}" for s, m in MOMENTS])
def test_killed_at_a_moment(bench: Bench, name: str, moment: str) -> None:
    """After a kill at this moment and a restart, nothing is lost, false, stuck or left over."""
    scene = staged(name)

    bench.strike(scene, moment)

    bench.recover(scene)


@pytest.mark.parametrize("name", DRIVEN)
def test_no_moment_is_left_out(bench: Bench, name: str) -> None:
    """Everything durable that the server does meanwhile is among the moments driven."""
    happening = {_deed(moment) for moment in bench.record(staged(name))}

    driven = {_deed(moment) for moments in DRIVEN.values() for moment in moments}

    assert happening <= driven


@pytest.mark.parametrize(("built", "durable"), [(NEW, DURABLE), (SMALL_ONE, DURABLE_SMALL)])
def test_the_disk_has_it_before_the_client_knows(
    bench: Bench, built: Built, durable: tuple[str, ...]
) -> None:
    """Both blobs are synced, then named, then their folders synced, before the row and the 200."""
    moments = bench.record(Upload(built))

    places = [moments.index(moment) for moment in durable]

    assert places == sorted(places)


def test_killed_when_the_answer_has_arrived(bench: Bench) -> None:
    """What was answered 200 is there although the server was killed at that very instant."""
    scene = Upload()
    with bench.server() as server:
        scene.act(server.url, bench.token)
        server.kill()

    assert scene.went_well
    bench.recover(scene)


def test_killed_while_many_are_recorded(bench: Bench) -> None:
    """Of uploads that share the transaction in which the server dies, none is half there."""
    scene = UploadsAtOnce()

    bench.strike(scene, "after insert uploads #6")

    bench.recover(scene)


def test_killed_over_and_over(bench: Bench) -> None:
    """A fetch that is killed further on each time comes to its end, resuming what is there."""
    for moment in (
        "after write part",
        "halfway through write part #3",
        "before rename part to blob",
    ):
        bench.strike(ColdFile(), moment)

    bench.recover(ColdFile())

    path = bench.upstream.file(COLD)
    ranges = [one.headers.get("range") for one in bench.upstream.requests(path) if one.path == path]
    assert ranges[0] is None
    assert all(ranges[1:])


@pytest.mark.parametrize("moment", ["before sync scratch #2", "before rename scratch to blob #2"])
def test_killed_between_two_disks(bench: Bench, other_disk: Path, moment: str) -> None:
    """A copy to the blobs' own disk that a kill has cut short is no blob, and is swept in time."""
    parted = bench.apart("blobs", other_disk)
    scene = Upload()

    parted.strike(scene, moment)

    copies = list((parted.store.blobs / "tmp").iterdir())
    assert len(copies) == 1
    parted.recover(scene)


def _deed(moment: str) -> str:
    """What is done at the moment, without when and for which time."""
    return re.sub(r"^(before|after|halfway through) | #\d+$", "", moment)
