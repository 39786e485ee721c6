"""Disks that are too small, in the two ways that a test can make one."""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

SIZE = 32 << 20


class Disk(Protocol):
    """A folder in which bytes may run short."""

    folder: Path

    def leave(self, room: int, pid: int | None = None) -> None:
        """Let the process, or whoever comes, write no more than about so many bytes there."""

    def clear(self, pid: int | None = None) -> None:
        """Let there be room again."""


class SmallDisk:
    """A file system of its own, filled up: what ENOSPC comes from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def leave(self, room: int, pid: int | None = None) -> None:  # noqa: ARG002 - it is short for everybody
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, _free(self.folder) - room)

    def clear(self, pid: int | None = None) -> None:  # noqa: ARG002 - there is room for everybody
        self._ballast.unlink()


class SmallFiles:
    """A limit on the length of each file that the process writes: what EFBIG comes from.

    Unlike a file system it takes no privilege.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def leave(self, room: int, pid: int | None = None) -> None:
        self._limit(pid, room)

    def clear(self, pid: int | None = None) -> None:
        self._limit(pid, resource.RLIM_INFINITY)

    def _limit(self, pid: int | None, length: int) -> None:
        if pid is not None:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (length, resource.RLIM_INFINITY))


Kind = Callable[[Path], AbstractContextManager[Disk]]


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    _mount(folder)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True, capture_output=True)


@contextmanager
def small_files(folder: Path) -> Iterator[Disk]:
    yield SmallFiles(folder)


def available() -> dict[str, Kind]:
    """The kinds of small disks that can be made here, by name."""
    kinds: dict[str, Kind] = {"small files": small_files}
    if _may_mount():
        kinds["small disk"] = small_disk
    return kinds


def _may_mount() -> bool:
    if sys.platform != "linux":
        return False
    with tempfile.TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder)):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


def _mount(folder: Path) -> None:
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "cloche-tests", str(folder)]
    subprocess.run(command, check=True, capture_output=True)


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
