"""Lock files, requirements files and what these refer to, read from this machine's disk."""

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cloche.core import requirements_file
from cloche.core.errors import BadRequest, BadSetting, Error
from cloche.core.locks import reader
from cloche.core.requirements_file import MAX_BYTES, RequirementsFile
from cloche.core.wants import Wants, constrained, joined

STDIN = "-"
MAX_FILES = 100
MAX_DEPTH = 10  # of requirements files that name each other
LOCKS = "pylock.toml, uv.lock, poetry.lock, pdm.lock and Pipfile.lock"


def read(names: Iterable[str]) -> Wants:
    """All that the files want.

    Raise BadSetting when one cannot be read, or makes no sense; TooLarge.
    """
    lists = _Lists()
    locks = []
    for name in names:
        locked = _locked(name)
        if locked is None:
            lists.read(name)
        else:
            locks.append(locked)
    return joined([*locks, lists.wants()])


def _locked(name: str) -> Wants | None:
    """What a lock file wants; None for a file that is none by its name."""
    read_lock = reader(Path(name).name)
    if read_lock is None:
        if name.endswith((".toml", ".lock")):
            raise BadSetting(f"{name} is no lock file that is known; known are {LOCKS}")
        return None
    try:
        return read_lock(requirements_file.decode(_bytes(name)))
    except BadRequest as e:
        raise BadSetting(f"{name}: {e}") from None


def _bytes(name: str) -> bytes:
    """A file's content, or a little more than may be used of it."""
    if name == STDIN:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        with Path(name).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as e:
        raise BadSetting(f"{name} cannot be read ({e.strerror}); name another file") from None


@dataclass
class _Lists:
    """Requirements files, each read once, however often they name each other."""

    found: list[RequirementsFile] = field(default_factory=list)
    bounds: list[RequirementsFile] = field(default_factory=list)  # constraints
    _seen: set[tuple[str, bool]] = field(default_factory=set)

    def read(self, name: str) -> None:
        self._read(name, self.found, 0)

    def wants(self) -> Wants:
        """Raise TooLarge."""
        bounds = [want for each in self.bounds for want in each.wants]
        wants = [want for each in self.found for want in each.wants]
        return Wants(
            wants=tuple(constrained(wants, bounds)),
            left=tuple(left for each in [*self.found, *self.bounds] for left in each.left),
            prereleases=any(each.prereleases for each in self.found),
        )

    def _read(self, name: str, into: list[RequirementsFile], depth: int) -> None:
        place = (os.path.realpath(name), into is self.bounds)
        if place in self._seen:
            return
        self._seen.add(place)
        if len(self._seen) > MAX_FILES or depth > MAX_DEPTH:
            raise BadSetting(f"{name}: over {MAX_FILES} files, or {MAX_DEPTH} within each other")
        try:
            said = requirements_file.read(requirements_file.decode(_bytes(name)), os.environ)
        except Error as e:
            raise BadSetting(e.detail if isinstance(e, BadSetting) else f"{name}: {e}") from None
        into.append(said)
        for each in _beside(name, said.requirements):
            self._read(each, into, depth + 1)
        for each in _beside(name, said.constraints):
            self._read(each, self.bounds, depth + 1)


def _beside(name: str, references: Iterable[str]) -> Iterator[str]:
    """The paths that a file refers to; they are relative to it."""
    for reference in references:
        if "://" in reference:
            raise BadSetting(f"{name} refers to {reference}; fetch that file and name its path")
        yield os.path.normpath(Path(name).parent / reference)
