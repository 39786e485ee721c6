"""Files of a disk: written whole, synced, and kept from being renewed and deleted at once."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

Place = Path | str


def write(path: Place, data: bytes, *, lasting: bool = False) -> None:
    """As `Path.write_bytes`, which asks the kernel four things more of each new file."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]
        if lasting:
            os.fsync(fd)
    finally:
        os.close(fd)


def sync(path: Place) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def renewed(home: Place, size: int) -> bool:
    """Make a blob young that is there already. One of another size is damaged: make room."""
    with locked(home) as found:
        if found is None:
            return False
        if found.st_size != size:
            os.unlink(home)  # noqa: PTH108 - a Path takes 20 µs
            return False
        os.utime(home)
        return True


@contextmanager
def locked(path: Place) -> Iterator[os.stat_result | None]:
    """Keep others from making it young, or deleting it; None when there is no such file.

    So a blob that is put again is either there, and young, or it is put anew.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)  # NFS locks no file that is only read
    except FileNotFoundError:
        yield None
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        found = os.fstat(fd)
        yield found if _is_still(path, found) else None
    finally:
        os.close(fd)


def _is_still(path: Place, found: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(path), found)  # noqa: PTH116 - a Path takes 20 µs
    except FileNotFoundError:
        return False
