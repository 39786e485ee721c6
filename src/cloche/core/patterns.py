"""Patterns over projects and versions, as settings write them: `acme-*`, `numpy==1.26.*`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from cloche.core.errors import BadName
from cloche.core.model import MAX_NAME, ProjectName, project_name

_GLOB = re.compile(r"[A-Za-z0-9._*?\[\]!-]+\Z")
_SELECTOR = re.compile(
    r"\s*(?P<name>[A-Za-z0-9._*?\[\]-]+)\s*(?P<specifiers>[^A-Za-z0-9._*?\[\]-].*)?\Z"
)


@dataclass(frozen=True, slots=True)
class Names:
    """Some projects: those named, and those that a glob matches."""

    says: tuple[str, ...]
    exact: frozenset[ProjectName]
    globs: re.Pattern[str] | None

    def match(self, project: ProjectName) -> bool:
        return project in self.exact or (
            self.globs is not None and self.globs.match(project) is not None
        )

    def __str__(self) -> str:
        return ", ".join(self.says)


@dataclass(frozen=True, slots=True)
class Selector:
    """Some versions of some projects: a pattern over names, and version specifiers (PEP 440)."""

    says: str
    names: Names
    specifiers: SpecifierSet

    @property
    def whole(self) -> bool:
        """Whether it means every version."""
        return not self.specifiers

    def match(self, project: ProjectName, version: Version | None, *, doubt: bool = False) -> bool:
        """Pre-releases match as any version does. `doubt`: the answer where it is unknown."""
        if not self.names.match(project):
            return False
        if self.whole:
            return True
        return doubt if version is None else self.specifiers.contains(version, prereleases=True)


def names(patterns: Iterable[str]) -> Names:
    """Read names and globs; both are normalized as names are (PEP 503). Raise BadName."""
    says = tuple(patterns)
    exact = frozenset(project_name(each) for each in says if not _is_glob(each))
    globs = [translate(_glob(each)) for each in says if _is_glob(each)]
    return Names(says, exact, re.compile("|".join(globs)) if globs else None)


def selector(raw: str) -> Selector:
    """Read `name`, `glob*` or either with specifiers, such as `numpy>=1.26,<2`. Raise BadName."""
    found = _SELECTOR.match(raw)
    if found is None:
        raise BadName(
            f"{raw!r} is no requirement; write a name or pattern, such as acme-* or demo<2"
        )
    try:
        specifiers = SpecifierSet(found["specifiers"] or "")
    except InvalidSpecifier:
        raise BadName(
            f"{raw!r} has no version specifiers (PEP 440), such as demo>=1.0,<2"
        ) from None
    return Selector(raw, names([found["name"]]), specifiers)


def _is_glob(pattern: str) -> bool:
    return any(letter in pattern for letter in "*?[")


def _glob(pattern: str) -> str:
    if len(pattern) > MAX_NAME or not _GLOB.match(pattern):
        raise BadName(f"{pattern!r} is no pattern over project names; write one such as acme-*")
    return re.sub(r"(?<!\[)[-_.]+(?![^\[]*\])", "-", pattern).lower()
