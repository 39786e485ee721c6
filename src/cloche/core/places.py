"""Words for where distributions run, as settings write them: `windows`, `aarch64`, `py3.12`."""

import re
from collections.abc import Callable, Iterable
from fnmatch import translate

from cloche.core.compatibility import (
    MACHINES,
    STABLE,
    SYSTEMS,
    Pair,
    Tags,
    interpreter,
    is_of_machine,
    is_of_system,
    pairs_of,
)
from cloche.core.errors import BadName

MAX_WORD = 60  # characters

_MACHINE_WORDS = {
    word: machine
    for machine, ends in MACHINES.items()
    for word in (machine, *ends)
    if word not in {"intel", "universal2", "win32"}  # the first two are of several machines
}
_PLATFORM = re.compile(r"win32\Z|[a-z0-9]+(?:_[a-z0-9*]+)+\Z|[a-z]+[a-z0-9_]*\*[a-z0-9_*]*\Z")
_PYTHON = re.compile(r"(py|cp|pp|)([23])(?:\.?(\d{1,2}))?\Z", re.ASCII)

Test = Callable[[str], bool]
PairTest = Callable[[Pair], bool]


class Places:
    """Some systems, machines and Pythons. Of what it does not name any will do.

    Platform tags and patterns over them (`manylinux*_x86_64`) count among the systems.
    """

    def __init__(self, words: Iterable[str]) -> None:
        """Raise BadName when one is no such word."""
        self.says = tuple(words)
        self._systems: list[Test] = []
        self._machines: list[Test] = []
        self._usable: list[PairTest] = []
        self._meant: list[PairTest] = []
        for word in self.says:
            self._take(word.strip().lower())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Places) and self.says == other.says

    def __hash__(self) -> int:
        return hash(self.says)

    def __reduce__(self) -> tuple[type["Places"], tuple[tuple[str, ...]]]:
        return Places, (self.says,)  # settings go to other processes, and tests cannot

    def fit(self, platform: str) -> bool:
        """Whether the platform is one of these systems, and of one of these machines."""
        return all(
            not tests or any(test(platform) for test in tests)
            for tests in (self._systems, self._machines)
        )

    def can_use(self, pair: Pair) -> bool:
        """Whether one of these Pythons can use it: `py3-none` and `abi3` are of many."""
        return not self._usable or any(test(pair) for test in self._usable)

    def names_platform(self, platform: str) -> bool:
        return any(test(platform) for test in (*self._systems, *self._machines))

    def names_pair(self, pair: Pair) -> bool:
        """Whether it is for one of these Pythons, and for none besides."""
        return any(test(pair) for test in self._meant)

    def _take(self, word: str) -> None:
        if len(word) > MAX_WORD:
            raise BadName(f"{word[:MAX_WORD]!r}… is too long for a platform or Python")
        if word in SYSTEMS:
            self._systems.append(lambda platform: is_of_system(platform, word))
        elif word in _MACHINE_WORDS:
            machine = _MACHINE_WORDS[word]
            self._machines.append(lambda platform: is_of_machine(platform, machine))
        elif _PLATFORM.match(word) and _is_platform(word):
            self._systems.append(_glob(word))
        elif found := _PYTHON.match(word):
            kind, major, minor = found.groups()
            self._take_python(kind or "py", int(major), int(minor) if minor else None)
        else:
            raise BadName(
                f"{word!r} is neither a system ({', '.join(SYSTEMS)}), a machine "
                f"({', '.join(MACHINES)}), a platform tag nor a Python such as py3.12"
            )

    def _take_python(self, kind: str, major: int, minor: int | None) -> None:
        self._meant.append(lambda pair: _is_for(pair, kind, major, minor))
        if minor is None:
            self._usable.append(lambda pair: _is_of(pair, {kind, "py"}, major))
        else:
            self._usable.append(lambda pair: _serves(pair, kind, major, minor))


def shown(tags: Tags, only: Places, no: Places) -> bool:
    """Whether what has these tags runs somewhere that `only` means and `no` does not name."""
    fits = tags.platforms is None or any(
        only.fit(each) and not no.names_platform(each) for each in tags.platforms
    )
    return fits and (
        tags.pairs is None
        or any(only.can_use(each) and not no.names_pair(each) for each in tags.pairs)
    )


def _is_for(pair: Pair, kind: str, major: int, minor: int | None) -> bool:
    """Whether a pair is for that Python alone: a later one can use what is for `py` or stable."""
    found = interpreter(pair[0])
    if found is None or found[1] != major or kind not in {"py", found[0]}:
        return False
    if minor is None:
        return True
    return found[2] == minor and found[0] != "py" and pair[1] not in STABLE


def _is_of(pair: Pair, kinds: set[str], major: int) -> bool:
    """Whether a pair is for a Python of that major version."""
    found = interpreter(pair[0])
    return found is not None and found[1] == major and (kinds == {"py"} or found[0] in kinds)


def _serves(pair: Pair, kind: str, major: int, minor: int) -> bool:
    found = interpreter(pair[0])
    if found is not None and found[0] not in {"py", "cp"}:  # PyPy and others: their own alone
        return kind in {"py", found[0]} and found[1:] == (major, minor)
    return (kind != "pp" or pair[0].startswith("py")) and pair in pairs_of(major, minor)


def _is_platform(word: str) -> bool:
    begins = [begin for each in SYSTEMS.values() for begin in each]
    fixed, star, _ = word.partition("*")
    return word.startswith(tuple(begins)) or (
        star != "" and any(begin.startswith(fixed) for begin in begins)
    )


def _glob(word: str) -> Test:
    pattern = re.compile(translate(word))
    return lambda platform: pattern.match(platform) is not None
