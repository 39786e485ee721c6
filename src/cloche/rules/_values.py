"""What a rule asks of some values: regular expressions, and versions that ranges are to admit."""

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from cloche.core.errors import BadName

MAX_PATTERN = 1000  # characters
MAX_SPECIFIERS = 1000  # characters of what a stranger wrote

Patterns = tuple[re.Pattern[str], ...]


class Asked(Struct, frozen=True, eq=False):
    """What some values are to be.

    One is to match one of `any_of`; each of `all_of` is to match one; none may match any of
    `none_of`; one is to be a specifier that admits one of `admits`, or one of those.
    """

    any_of: Patterns
    all_of: Patterns
    none_of: Patterns
    admits: tuple[Version, ...]

    def of(self, values: Sequence[str]) -> bool:
        return (
            (not self.any_of or any(_matches(each, values) for each in self.any_of))
            and all(_matches(each, values) for each in self.all_of)
            and not any(_matches(each, values) for each in self.none_of)
            and (not self.admits or any(map(self._admitted, values)))
        )

    def _admitted(self, value: str) -> bool:
        if len(value) > MAX_SPECIFIERS:
            return False
        try:
            return Version(value) in self.admits
        except InvalidVersion:
            pass
        try:
            wanted = SpecifierSet(value)
        except InvalidSpecifier:
            return False
        return any(wanted.contains(each, prereleases=True) for each in self.admits)


def asked(
    any_of: Iterable[str], all_of: Iterable[str], none_of: Iterable[str], admits: Iterable[str]
) -> Asked:
    """Raise BadName for what is no pattern or version, and when nothing is asked."""
    found = Asked(
        any_of=tuple(map(pattern, any_of)),
        all_of=tuple(map(pattern, all_of)),
        none_of=tuple(map(pattern, none_of)),
        admits=tuple(map(_version, admits)),
    )
    if not (found.any_of or found.all_of or found.none_of or found.admits):
        raise BadName("it asks nothing; give any, all, none or admits")
    return found


def pattern(said: str) -> re.Pattern[str]:
    """Raise BadName when it is none."""
    if len(said) > MAX_PATTERN:
        raise BadName(f"a pattern has over {MAX_PATTERN} characters; split it")
    try:
        return re.compile(said)
    except (re.error, RecursionError, OverflowError) as e:
        raise BadName(
            f"{said!r} is no regular expression ({e}); write one as Python's re reads it"
        ) from None


def _matches(pattern: re.Pattern[str], values: Iterable[str]) -> bool:
    return any(pattern.search(each) for each in values)


def _version(said: str) -> Version:
    try:
        return Version(said)
    except InvalidVersion:
        raise BadName(f"{said!r} is no version (PEP 440); write one such as 3.12") from None
