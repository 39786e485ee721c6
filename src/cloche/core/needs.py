"""What requirements need of a page, and what that needs again: one environment after the other."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace
from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from cloche.core.choosing import Rules, choose
from cloche.core.errors import BadName
from cloche.core.filenames import parse
from cloche.core.model import File, Page, ProjectName, project_name
from cloche.core.targets import Targets
from cloche.core.wants import Want

MAX_SPECIFIERS = 50  # of what somebody requires, and of what bounds it
MAX_LINES = 5000  # of what a version requires


class Need(Struct, frozen=True):
    """A version of a project that satisfies, with extras."""

    project: ProjectName
    specifiers: SpecifierSet = SpecifierSet()
    extras: frozenset[str] = frozenset()

    def __str__(self) -> str:
        extras = f"[{','.join(sorted(self.extras))}]" if self.extras else ""
        return f"{self.project}{extras}{self.specifiers}"


class Release(NamedTuple):
    project: ProjectName
    version: Version

    def __str__(self) -> str:
        return f"{self.project} {self.version}"


Lines = Mapping[ProjectName, Sequence[Want]]
"""What requirements files and lock files say, of each project that they name."""


def lines_of(wants: Iterable[Want]) -> Lines:
    found: dict[ProjectName, list[Want]] = {}
    for want in wants:
        found.setdefault(want.project, []).append(want)
    return found


def wanted(wants: Iterable[Want], targets: Targets) -> Iterator[Need]:
    """What the lines that hold in an environment need themselves."""
    for want in wants:
        if targets.meets(want.marker):
            yield Need(want.project, want.specifiers, want.extras)


def is_locked(lines: Iterable[Want], targets: Targets) -> bool:
    """Whether files are named of the project: what names files names all that they need."""
    return any(line.files for line in lines if targets.meets(line.marker))


def satisfying(page: Page, need: Need, lines: Sequence[Want], rules: Rules) -> tuple[File, ...]:
    """The files of the newest version that satisfies; none if none does.

    Lines about the project bound it, as they bound an installer: of several that allow different
    versions, each gets its own. A need that none of them allows stands alone.
    """
    holding = [line for line in lines if rules.targets.meets(line.marker)]
    found = {file.filename: file for line in holding for file in _both(page, need, line, rules)}
    if found:
        return tuple(found.values())
    alone = Want(project=page.name, says="", specifiers=need.specifiers)
    return choose(page, alone, rules).files


def _both(page: Page, need: Need, line: Want, rules: Rules) -> Iterator[File]:
    if len(line.specifiers) + len(need.specifiers) > MAX_SPECIFIERS:
        return
    specifiers = line.specifiers & need.specifiers
    want = replace(line, marker=None, specifiers=specifiers)
    for file in choose(page, want, rules).files:
        if not line.files or _allows(need.specifiers, file):
            yield file


def _allows(specifiers: SpecifierSet, file: File) -> bool:
    """Whether a file that a lock names is of a version that will do."""
    try:
        return specifiers.contains(parse(file.filename).version, prereleases=True)
    except BadName:
        return False


def releases(project: ProjectName, files: Iterable[File]) -> dict[Release, list[File]]:
    """The files by their version; what has none is left out."""
    found: dict[Release, list[File]] = {}
    for file in files:
        try:
            release = Release(project, parse(file.filename).version)
        except BadName:
            continue
        found.setdefault(release, []).append(file)
    return found


def required(
    lines: Iterable[str], need: Need, version: Version, targets: Targets, *, again: bool = False
) -> Iterator[Need]:
    """What a version needs, of whose metadata these are the `Requires-Dist`.

    `again`: what it needs without extras is known, and only what these add is told.
    Those count that hold in one of the environments, without an extra or with one of the need's.
    What nobody can read, and what has an address of its own, no index can be asked for.
    """
    this = SpecifierSet(f"=={version}")
    some = (line for line in lines if not again or "extra" in line)
    for said in filter(None, map(_requirement, some)):
        if said.marker is None or _holds(said.marker, targets, ("", *need.extras)):
            # An extra that names others of its own project means this very version.
            project = project_name(said.name)
            specifiers = this if project == need.project else said.specifier
            yield Need(project, specifiers, frozenset(said.extras))


@lru_cache(MAX_LINES)
def _requirement(line: str) -> Requirement | None:
    """What the line says; None where no index can be asked for it.

    Remembered, for a version is asked for with many sets of extras, and reading a line takes 25 µs.
    """
    try:
        said = Requirement(line)
        project_name(said.name)
    except (InvalidRequirement, BadName, RecursionError):
        return None
    return None if said.url or len(said.specifier) > MAX_SPECIFIERS else said


def _holds(marker: Marker, targets: Targets, extras: Collection[str]) -> bool:
    """Whether the marker does, for one of the extras. What cannot be told does."""
    try:
        return any(
            marker.evaluate({**environment, "extra": extra})
            for environment in targets.environments
            for extra in extras
        )
    except (ValueError, LookupError, RecursionError):
        return True
