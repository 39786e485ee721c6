"""What was read of files on their way, for those who follow close behind.

Two hundred clients of one file go through it nearly side by side. Reading each part for each of
them took as long as sending it.
"""

from collections.abc import Callable, Hashable

PART = 512 << 10
MOST = 32  # parts that a process keeps, of all files together


class Parts:
    """Parts of files, each by whose it is, where it begins, and where it ends; the oldest go."""

    def __init__(self) -> None:
        self._parts: dict[tuple[Hashable, int, int], bytes] = {}

    def get(
        self, whose: Hashable, start: int, stop: int, read: Callable[[int, int], bytes]
    ) -> bytes:
        """Bytes from `start` on: up to `stop`, or to the end of the part if that comes first.

        `read`, which is given where to begin and how many there are, may find fewer.
        """
        stop = min(stop, (start // PART + 1) * PART)
        data = self._parts.get((whose, start, stop))
        if data is None:
            data = read(start, stop - start)
            if len(data) == stop - start:
                self._keep((whose, start, stop), data)
        return data

    def forget(self, whose: Hashable) -> None:
        """Let go of all parts of a file."""
        for key in [key for key in self._parts if key[0] is whose]:
            del self._parts[key]

    def _keep(self, key: tuple[Hashable, int, int], data: bytes) -> None:
        if len(self._parts) >= MOST:
            del self._parts[next(iter(self._parts))]
        self._parts[key] = data
