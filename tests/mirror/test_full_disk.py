"""The disk is full while a mirror is brought up to date: nothing is lost, and it goes on later."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import disks
from tests.faults.disks import Disk, SmallDisk
from tests.mirror import history
from tests.mirror.mirror import Mirror
from tests.mirror.scripted import Upstream

ROOM = 192 << 10
"""Bytes that are left on the disk: for opening two databases, and for some of what is new."""
LONGEST = 64 << 10
"""Bytes that a file may have where there is no small disk."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A small file system where one can be mounted; else a limit on the length of each file."""
    folder = tmp_path / "disk"
    folder.mkdir()
    kinds = disks.available()
    with kinds.get("small disk", kinds["small files"])(folder) as disk:
        yield disk


def test_a_full_disk_ends_the_run_in_words(
    scripted: Upstream, complete: Mirror, disk: Disk
) -> None:
    """It says that there is no room, keeps what was there, and the next run with room ends it."""
    scripted.found(history.FEWEST, bad=False)
    mirror = complete.copy(disk.folder)
    before = scripted.expected()
    scripted.play("publish")
    is_small_disk = isinstance(disk, SmallDisk)
    if is_small_disk:
        disk.leave(ROOM)

    done = mirror.sync(longest=None if is_small_disk else LONGEST)

    assert done.returncode == 1, done
    assert "room" in done.stderr + done.stdout
    assert mirror.holding.unsound() == []
    if is_small_disk:
        disk.clear()
    old = {name: before[name] for name in before if name not in history.some("publish")}
    assert mirror.differences(old, only=old) == []
    assert mirror.sync().returncode == 0
    assert mirror.holding.differences(scripted.expected()) == []
