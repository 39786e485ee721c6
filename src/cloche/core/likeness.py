"""Names that people and models take for others: a letter off, look-alikes, added affixes."""

import re
from collections.abc import Iterable, Iterator

SHORT, LONG = 4, 10  # letters: one edit of a shorter name makes another; a longer one bears two
HEAD = 7  # letters that are looked up

_ALIKE = str.maketrans("013457", "oleast")
_DOUBLED = re.compile(r"(.)\1+")
_AFFIXES = ("python3", "python", "py3", "py")


class Likeness:
    """Finds the one of some names that another may be taken for.

    A question costs the same however many names there are: names within k edits of each other
    share what is left when at most k letters are taken from the head of each (Garbe, SymSpell).
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._looks: dict[str, str] = {}
        self._heads: dict[str, list[str]] = {}
        for name in names:
            self._looks.setdefault(_looks(_squashed(name)), name)
            for part in set(_parts(_squashed(name)[:HEAD], _bearable(name))):
                self._heads.setdefault(part, []).append(name)

    def find(self, name: str) -> str | None:
        """The name that it may be taken for; itself if it is among them."""
        squashed = _squashed(name)
        for bare in _bare(squashed):
            if found := self._looks.get(_looks(bare)):
                return found
        most = 1 + (len(squashed) >= LONG - 2)  # a shorter name is not within two of a long one
        for part in _parts(squashed[:HEAD], most):
            for near in self._heads.get(part, ()):
                if edits(squashed, _squashed(near)) <= _bearable(near):
                    return near
        return None


def edits(one: str, other: str) -> int:
    """Letters put in, left out, changed, or swapped with the next (optimal string alignment)."""
    earlier: list[int] = []
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, there in enumerate(other, 1):
            least = min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != there))
            if i > 1 and j > 1 and letter == other[j - 2] and there == one[i - 2]:
                least = min(least, earlier[j - 2] + 1)
            row.append(least)
    return row[-1]


def _bearable(name: str) -> int:
    """Edits within which another name is taken for this one."""
    length = len(_squashed(name))
    return (length >= SHORT) + (length >= LONG)


def _parts(head: str, most: int) -> list[str]:
    """What is left of it when at most so many letters are taken."""
    found, less = [head], [(head, 0)]
    for _ in range(most):
        less = [(s[:at] + s[at + 1 :], at) for s, start in less for at in range(start, len(s))]
        found += [part for part, _ in less]
    return found


def _squashed(name: str) -> str:
    return name.replace("-", "")


def _looks(squashed: str) -> str:
    """The same for names that look alike."""
    plain = squashed.translate(_ALIKE).replace("rn", "m").replace("vv", "w")
    return _DOUBLED.sub(r"\1", plain)


def _bare(squashed: str) -> Iterator[str]:
    """The name, and what is left of it without what is put before or behind names of Python's."""
    yield squashed
    for affix in _AFFIXES:
        if squashed.startswith(affix):
            yield squashed.removeprefix(affix)
        if squashed.endswith(affix):
            yield squashed.removesuffix(affix)
