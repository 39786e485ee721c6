"""The files that a bundle is in: one, or several parts of one size, read as one."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Self

from cloche.core.bundles import broken
from cloche.core.errors import BadSetting

CHUNK = 1 << 20
_NUMBERED = re.compile(r"\.(\d{3,6})\Z", re.ASCII)


def part(path: Path, number: int) -> Path:
    """Where part `number` of a bundle lies, from 1 on."""
    return path.with_name(f"{path.name}.{number:03d}")


def found(names: Sequence[Path]) -> list[Path]:
    """The bundle's files in their order; of one that is in parts its name alone will do.

    Raise BadSetting when there are none, or they do not belong together.
    """
    paths = list(names)
    if len(paths) == 1 and not paths[0].exists():
        paths = _numbered(paths[0])
        if not paths:
            raise BadSetting(
                f"{names[0]} is not there, nor {part(names[0], 1).name}; name a bundle"
            )
    if len(paths) > 1:
        paths.sort(key=_number)
        if [_number(each) for each in paths] != list(range(1, len(paths) + 1)):
            raise BadSetting(
                "these are not all parts of one bundle; name all of them, from .001 on, and each "
                "once"
            )
    return paths


def _numbered(path: Path) -> list[Path]:
    parts: list[Path] = []
    while (one := part(path, len(parts) + 1)).exists():
        parts.append(one)
    return parts


def _number(path: Path) -> int:
    number = _NUMBERED.search(path.name)
    return int(number[1]) if number else 0


class Parts:
    """Bytes of several files, one after the other. Use as a context."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files: list[tuple[BinaryIO, int]] = []
        try:
            for path in paths:
                file = path.open("rb")
                self._files.append((file, path.stat().st_size))
        except OSError as e:
            self.close()
            raise BadSetting(f"{e.filename} cannot be read ({e.strerror}); name a bundle") from None
        self.size = sum(size for _, size in self._files)
        self._at = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for file, _ in self._files:
            file.close()

    def seek(self, at: int) -> None:
        self._at = at

    def skip(self, count: int) -> None:
        self._at += count

    def exactly(self, count: int) -> bytes:
        """The next bytes, all of them. Raise BadBundle where there are not so many."""
        read = self.read(count)
        while 0 < len(read) < count and (more := self.read(count - len(read))):
            read += more
        if len(read) < count:
            raise broken("it is cut short")
        return read

    def read(self, most: int) -> bytes:
        """Some of the next bytes; none at the end."""
        at = self._at
        for file, size in self._files:
            if at < size:
                file.seek(at)
                data = _read(file, min(most, size - at))
                self._at += len(data)
                return data
            at -= size
        return b""


def _read(file: BinaryIO, count: int) -> bytes:
    try:
        return file.read(count)
    except OSError as e:
        raise broken(f"its medium cannot be read ({e.strerror})") from None
