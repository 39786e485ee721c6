"""A file of which only some parts are here."""

from typing import Protocol


class Seekable(Protocol):
    """Of a binary file, what reading an archive takes."""

    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def read(self, length: int, /) -> bytes: ...


class Gap(LookupError):
    """Bytes `start` up to `stop` are needed, and not all of them are here."""

    def __init__(self, start: int, stop: int) -> None:
        super().__init__(f"bytes {start} up to {stop} are not here")
        self.start = start
        self.stop = stop


class Pieces:
    """Reads like a file of `size` bytes; what was not added raises Gap."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._at = 0
        self._pieces: list[tuple[int, bytes]] = []

    def add(self, start: int, data: bytes) -> None:
        """Have the bytes from `start` on."""
        self._pieces.append((start, data))

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = offset + (self.size if whence else 0)
        return self._at

    def read(self, length: int, /) -> bytes:
        start, stop = self._at, min(self.size, self._at + length)
        for at, data in self._pieces:
            if at <= start and stop <= at + len(data):
                self._at = stop
                return data[start - at : stop - at]
        raise Gap(start, stop)
