"""What the kernel has of a file in memory: no disk, and so no thread, need be waited for."""

import os

NOWAIT: int | None = getattr(os, "RWF_NOWAIT", None)
"""Linux reads only what it has in memory then."""


def in_memory(fd: int, start: int, size: int) -> bytes | None:
    """What is in memory of it, which takes no thread; None if the disk has to turn."""
    buffer = bytearray(size)
    count = fill(fd, buffer, start)
    if not count and size:
        return None
    del buffer[count:]
    return bytes(buffer)


def fill(fd: int, buffer: bytearray | memoryview, start: int) -> int:
    """Put what is in memory from `start` on into the buffer; return how many bytes that are."""
    if NOWAIT is None:
        return 0
    try:
        return os.preadv(fd, [buffer], start, NOWAIT)
    except OSError:  # EAGAIN; EOPNOTSUPP where the file system cannot tell
        return 0


class OpenFile:
    """A file as an opened blob."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fill(self, buffer: bytearray | memoryview, start: int) -> int:
        return fill(self._fd, buffer, start)

    def close(self) -> None:
        os.close(self._fd)


def opened(path: str, size: int) -> OpenFile | None:
    """The file, if it has so many bytes."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    if os.fstat(fd).st_size == size:
        return OpenFile(fd)
    os.close(fd)
    return None
