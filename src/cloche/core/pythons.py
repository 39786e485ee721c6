"""Versions of Python, and which of them a `requires-python` admits (PEP 345, 440)."""

import re
from functools import lru_cache

from msgspec import Struct
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from cloche.core.errors import BadName

MAX_RANGE = 1000  # characters; the longest on PyPI has some 200
LATE = 999  # a patch release that no Python reaches
_WRITTEN = re.compile(r"(\d{1,2})\.(\d{1,3})(?:\.(\d{1,3}))?\Z", re.ASCII)


class Python(Struct, frozen=True):
    """`3.12`, which means any of its patch releases, or one of them, `3.12.4`."""

    major: int
    minor: int
    patch: int | None = None

    def __str__(self) -> str:
        patch = "" if self.patch is None else f".{self.patch}"
        return f"{self.major}.{self.minor}{patch}"


def python(raw: str) -> Python:
    """Raise BadName when it is no version of Python."""
    found = _WRITTEN.match(raw.strip())
    if found is None:
        raise BadName(f"{raw!r} is no version of Python; write one such as 3.12")
    major, minor, patch = found.groups()
    return Python(int(major), int(minor), None if patch is None else int(patch))


def admits(requires_python: str, one: Python) -> bool | None:
    """Whether a range has that Python in it; None when it cannot be read."""
    specifiers = _range(requires_python)
    if specifiers is None:
        return None
    patches = _patches(specifiers, one) if one.patch is None else [one.patch]
    base = f"{one.major}.{one.minor}"
    return any(specifiers.contains(f"{base}.{patch}", prereleases=True) for patch in patches)


@lru_cache(maxsize=4096)
def _range(raw: str) -> SpecifierSet | None:
    if len(raw) > MAX_RANGE:
        return None
    try:
        return SpecifierSet(raw)
    except InvalidSpecifier:
        return None


def _patches(specifiers: SpecifierSet, one: Python) -> list[int]:
    """One patch release of each stretch into which the range's own versions part the minor one."""
    found = {0, LATE}
    for each in specifiers:
        release = _release(each.version.removesuffix(".*"))
        if release[:2] == (one.major, one.minor) and len(release) > 2:  # noqa: PLR2004
            found |= {max(0, release[2] - 1), release[2], release[2] + 1}
    return sorted(found)


def _release(raw: str) -> tuple[int, ...]:
    try:
        return Version(raw).release
    except InvalidVersion:  # what `===` compares with can be anything
        return ()
