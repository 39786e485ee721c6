"""Folders in one root, synced so that what lies in them survives a loss of power."""

import os
from collections.abc import Iterable

from cloche.blobs._disk import sync


class Folders:
    """Knows which of its folders the root is sure to lead to.

    To sync what has not changed waits for the disk all the same (ext4 flushes its cache).
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._led_to: dict[str, int] = {}  # inodes

    def sync(self, folders: Iterable[str]) -> None:
        """Sync each; and the root, unless that was done since the folder was made.

        Also where another process has made it: it may not have come this far yet.
        """
        synced = {folder: _sync(folder) for folder in folders}
        if not synced.items() <= self._led_to.items():
            with os.scandir(self._root) as entries:
                there = {entry.path: entry.inode() for entry in entries}
            sync(self._root)
            self._led_to = there | synced

    def made(self, folder: str) -> None:
        """Take note that it was made just now, maybe in place of one that was known."""
        self._led_to = {path: inode for path, inode in self._led_to.items() if path != folder}


def _sync(folder: str) -> int:
    """Have it on the disk, and return its inode's number."""
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
        return os.fstat(fd).st_ino
    finally:
        os.close(fd)
