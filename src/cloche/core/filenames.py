"""What a distribution's filename says: kind, project, version."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from math import prod

from msgspec import Struct
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from cloche.core.errors import BadName
from cloche.core.model import ProjectName, project_name, safe_filename


class Named(Struct, frozen=True):
    """`filetype` and `pyversion` are the legacy upload API's words for it."""

    project: ProjectName
    version: Version
    filetype: str
    pyversion: str


class Brief(Struct, frozen=True, gc=False):
    """What a filename says at first sight. `filetype` is empty where it follows no rule."""

    version: Version | None
    filetype: str
    pythons: str = ""  # a wheel's tags (PEP 425), as written: `py2.py3`
    abis: str = ""
    platforms: str = ""


MAX_TAGS = 1000  # combinations; the largest real wheels have some 20

# distutils named what it built after the platform, as sysconfig spells it.
PLATFORM = r"(linux-\w+|macosx-[\d.]+-\w+|win32|win-\w+|cygwin-[\d.]+-\w+|freebsd-[\w.-]+)"
_EGG = re.compile(r"(?P<stem>[^-]+-[^-]+)-(?P<py>py\d[\d.]*)(-.+)?\.egg\Z")
_WININST = re.compile(
    rf"(?P<stem>.+?)\.{PLATFORM}(-(?P<py>py\d[\d.]*))?\.(?P<end>exe|msi)\Z", re.ASCII
)
_RPM = re.compile(r"(?P<stem>.+)-[^-]+\.\w+\.rpm\Z", re.ASCII)
_DUMB = re.compile(rf"(?P<stem>.+?)\.{PLATFORM}\.(tar\.(gz|bz2|xz|Z)|tar|zip)\Z", re.ASCII)
_SDIST = re.compile(r"(?P<stem>.+?)\.(tar\.(gz|bz2|xz|Z)|tgz|tar|zip)\Z")


def parse(filename: str) -> Named:
    """Read a wheel's, sdist's, egg's or old binary's filename (PEP 427, 625, and before).

    Raise BadName when it follows none of them.
    """
    if not safe_filename(filename):
        raise BadName(f"{filename!r} cannot be a filename: one plain path segment is needed")
    reader = next(read for end, read in _READERS if filename.lower().endswith(end))
    try:
        return reader(filename)
    except (BadName, InvalidWheelFilename, InvalidVersion) as e:
        raise BadName(f"{filename!r} is not a distribution's filename: {e}") from e


def version_of(filename: str) -> str | None:
    """The version in a filename as PEP 440 writes it, or None when it cannot be told."""
    try:
        return str(parse(filename).version)
    except BadName:
        return None


def brief(filename: str) -> Brief:
    """Read a filename for many to be looked through: a wheel's takes a tenth of `parse`'s time."""
    if filename.endswith(".whl"):
        parts = filename[:-4].split("-")
        if len(parts) in {5, 6}:
            return Brief(known_version(parts[1]), "bdist_wheel", *parts[-3:])
        return Brief(None, "")
    return _brief(filename)


def respelt(filename: str, others: Iterable[str]) -> str | None:
    """That of the others, all of one version, which is another spelling of the filename.

    Old tools wrote names as their authors did, new ones in normal form (PEP 625, PEP 427): two
    spellings are one distribution, of which each client would choose another one.
    """
    plain = canonicalize_name(filename)
    return next((each for each in others if canonicalize_name(each) == plain), None)


@lru_cache(maxsize=8192)
def known_version(raw: str) -> Version | None:
    """A version, or None when PEP 440 knows none such."""
    try:
        return Version(raw)
    except InvalidVersion:
        return None


@lru_cache(maxsize=8192)
def _brief(filename: str) -> Brief:
    try:
        named = parse(filename)
    except BadName:
        return Brief(None, "")
    return Brief(named.version, named.filetype)


def _wheel(filename: str) -> Named:
    tags = filename.removesuffix(".whl").split("-")[-3:]
    if prod(each.count(".") + 1 for each in tags) > MAX_TAGS:
        raise BadName(f"it has over {MAX_TAGS} combinations of tags")
    raw_name, version, _, found = parse_wheel_filename(filename)
    pythons = sorted({tag.interpreter for tag in found})
    return Named(project_name(raw_name), version, "bdist_wheel", ".".join(pythons))


def _egg(filename: str) -> Named:
    found = _must(_EGG, filename)
    return _named(found["stem"], "bdist_egg", found["py"].removeprefix("py"))


def _wininst(filename: str) -> Named:
    found = _must(_WININST, filename)
    kind = "bdist_msi" if found["end"] == "msi" else "bdist_wininst"
    return _named(found["stem"], kind, (found["py"] or "any").removeprefix("py"))


def _rpm(filename: str) -> Named:
    return _named(_must(_RPM, filename)["stem"], "bdist_rpm", "any")


def _other(filename: str) -> Named:
    if dumb := _DUMB.match(filename):
        return _named(dumb["stem"], "bdist_dumb", "any")
    return _named(_must(_SDIST, filename)["stem"], "sdist", "source")


_READERS: tuple[tuple[str, Callable[[str], Named]], ...] = (
    (".whl", _wheel),
    (".egg", _egg),
    (".exe", _wininst),
    (".msi", _wininst),
    (".rpm", _rpm),
    ("", _other),
)


def _must(pattern: re.Pattern[str], filename: str) -> re.Match[str]:
    found = pattern.match(filename)
    if found is None:
        raise BadName("expected .whl, .tar.gz, .zip, .egg or an old bdist kind, named by its rule")
    return found


def _named(stem: str, filetype: str, pyversion: str) -> Named:
    """Split at the last dash that has a version behind it (PEP 625, and names before it)."""
    at = len(stem)
    while (at := stem.rfind("-", 0, at)) > 0:
        version = _version(stem[at + 1 :])
        if version is not None:
            return Named(project_name(stem[:at]), version, filetype, pyversion)
    raise BadName("there is no version (PEP 440) in it")


def _version(raw: str) -> Version | None:
    try:
        return Version(raw)
    except InvalidVersion:
        pass
    try:
        return Version(raw.replace("_", "-"))  # setuptools and bdist_rpm write 1.0-1 as 1.0_1
    except InvalidVersion:
        return None
