"""What a distribution's filename says: kind, project, version."""

import re
from collections.abc import Callable

from msgspec import Struct
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from cloche.core.errors import BadName
from cloche.core.model import ProjectName, project_name, safe_filename


class Named(Struct, frozen=True):
    """`filetype` and `pyversion` are the legacy upload API's words for it."""

    project: ProjectName
    version: Version
    filetype: str
    pyversion: str


_EGG = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)-(?P<py>py[\d.]+)(-.+)?\.egg\Z")
_WININST = re.compile(
    r"(?P<name>.+?)-(?P<version>\d[^-]*?)\.(win32|win-amd64)(-(?P<py>py[\d.]+))?\.(?P<end>exe|msi)\Z"
)
_RPM = re.compile(r"(?P<name>.+)-(?P<version>\d[^-]*)-[^-]+\.(src|noarch|\w+)\.rpm\Z")
_DUMB = re.compile(
    r"(?P<name>.+?)-(?P<version>\d[^-]*?)\.(linux|macosx|win|cygwin)[^/]*\.(tar\.(gz|bz2|Z)|tar|zip)\Z"
)
_OLD_SDIST = re.compile(r"(?P<name>.+?)-(?P<version>\d[^-]*)\.(tar\.(bz2|Z|xz)|tgz|tar)\Z")


def parse(filename: str) -> Named:
    """Read a wheel's, sdist's, egg's or old binary's filename (PEP 427, 625, and before).

    Raise BadName when it follows none of them.
    """
    if not safe_filename(filename):
        raise BadName(f"{filename!r} cannot be a filename: one plain path segment is needed")
    reader = next(read for end, read in _READERS if filename.lower().endswith(end))
    try:
        return reader(filename)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion, _Unlike) as e:
        raise BadName(f"{filename!r} is not a distribution's filename: {e}") from e


def version_of(filename: str) -> str | None:
    """The version in a filename as PEP 440 writes it, or None when it cannot be told."""
    try:
        return str(parse(filename).version)
    except BadName:
        return None


class _Unlike(ValueError):
    pass


def _wheel(filename: str) -> Named:
    name, version, _, tags = parse_wheel_filename(filename)
    pythons = sorted({tag.interpreter for tag in tags})
    return Named(ProjectName(name), version, "bdist_wheel", ".".join(pythons))


def _sdist(filename: str) -> Named:
    if dumb := _DUMB.match(filename):
        return _named(dumb, "bdist_dumb", "any")
    name, version = parse_sdist_filename(filename)
    return Named(ProjectName(name), version, "sdist", "source")


def _egg(filename: str) -> Named:
    found = _must(_EGG, filename)
    return _named(found, "bdist_egg", found["py"].removeprefix("py"))


def _wininst(filename: str) -> Named:
    found = _must(_WININST, filename)
    kind = "bdist_msi" if found["end"] == "msi" else "bdist_wininst"
    return _named(found, kind, (found["py"] or "any").removeprefix("py"))


def _rpm(filename: str) -> Named:
    return _named(_must(_RPM, filename), "bdist_rpm", "any")


def _other(filename: str) -> Named:
    if dumb := _DUMB.match(filename):
        return _named(dumb, "bdist_dumb", "any")
    return _named(_must(_OLD_SDIST, filename), "sdist", "source")


_READERS: tuple[tuple[str, Callable[[str], Named]], ...] = (
    (".whl", _wheel),
    (".tar.gz", _sdist),
    (".zip", _sdist),
    (".egg", _egg),
    (".exe", _wininst),
    (".msi", _wininst),
    (".rpm", _rpm),
    ("", _other),
)


def _must(pattern: re.Pattern[str], filename: str) -> re.Match[str]:
    found = pattern.match(filename)
    if found is None:
        raise _Unlike("expected .whl, .tar.gz, .zip, .egg or an old bdist kind, named by its rule")
    return found


def _named(found: re.Match[str], filetype: str, pyversion: str) -> Named:
    name = project_name(found["name"])
    return Named(name, Version(found["version"].replace("_", "-")), filetype, pyversion)
