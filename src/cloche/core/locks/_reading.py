"""What the lock formats have in common."""

import tomllib
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from packaging.markers import InvalidMarker, Marker
from packaging.specifiers import SpecifierSet

from cloche.core.errors import BadRequest
from cloche.core.filenames import known_version
from cloche.core.model import project_name
from cloche.core.wants import Left, Named, Want, Wants, check

T = TypeVar("T")

MAX_MARKER = 4000  # characters


def toml(text: str, kind: type[T], name: str) -> T:
    """Read TOML as `kind`, whatever else is in it. Raise BadRequest."""
    try:
        return msgspec.convert(tomllib.loads(text), kind)
    except (ValueError, RecursionError, msgspec.ValidationError) as e:
        raise broken(name, e) from None


def broken(name: str, why: object) -> BadRequest:
    return BadRequest(f"this is no {name} that can be read ({why}); lock again")


def want(
    name: str, version: str | None, files: Iterable[Named | None], marker: Any = None
) -> Want | Left:
    """One locked package that comes from an index; Left when it names no file."""
    project, says = project_name(name), f"{name} {version}" if version else name
    found = tuple(file for file in files if file is not None)
    if not found:
        why = "the lock file names no file of it; lock again, with hashes"
        return Left(says=says, why=why, project=project)
    return Want(
        project=project,
        says=says,
        specifiers=_exactly(version),
        files=found,
        marker=read_marker(marker),
    )


def _exactly(version: str | None) -> SpecifierSet:
    """Empty when the version is not told, or is none (PEP 440)."""
    normal = known_version(version or "")
    return SpecifierSet(f"=={normal}") if normal else SpecifierSet()


def read_marker(raw: Any) -> Marker | None:
    """A marker in text. None also for one that nobody can read: then the package is wanted."""
    if not isinstance(raw, str) or not 0 < len(raw) <= MAX_MARKER:
        return None
    try:
        return Marker(raw)
    except (InvalidMarker, RecursionError):
        return None


def gathered(found: Iterable[Want | Left | None]) -> Wants:
    """All of a lock file. Raise TooLarge."""
    kept = [each for each in found if each is not None]
    wants = tuple(each for each in kept if isinstance(each, Want))
    check(len(kept), sum(len(each.files) for each in wants))
    return Wants(wants=wants, left=tuple(each for each in kept if isinstance(each, Left)))


def elsewhere(name: str, kind: str) -> Left:
    """A package that its lock has from somewhere that is no index."""
    why = f"it is locked from {kind}, not from an index"
    return Left(says=name, why=why, project=project_name(name))
