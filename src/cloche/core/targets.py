"""For whom files are chosen: platforms and Pythons, and what runs on them."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import product
from math import prod

from msgspec import Struct
from packaging import tags
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.version import Version

from cloche.core.errors import BadRequest
from cloche.core.filenames import MAX_TAGS

PYTHONS = tuple(f"3.{minor}" for minor in range(8, 17))
"""What clients may be expected to run, when nobody says which."""

GLIBC = 45  # glibc 2.45: as new as `linux_x86_64` is taken to be
MAX_PLATFORMS, MAX_PYTHONS = 50, 20
MAX_BOUND = 400  # characters of Requires-Python
WHEEL = ".whl"

_IMPLEMENTATIONS = {"cp": ("cpython", "CPython"), "pp": ("pypy", "PyPy")}
_SYSTEMS = {
    "linux": ("linux", "Linux", "posix"),
    "win32": ("win32", "Windows", "nt"),
    "darwin": ("darwin", "Darwin", "posix"),
}
_WINDOWS = {"win_amd64": "AMD64", "win_arm64": "ARM64", "win32": "x86"}
_LIBC = re.compile(r"(manylinux|musllinux)_(\d+)_(\d+)_(\w+)\Z")
_OLD_LINUX = {"manylinux2014": 17, "manylinux2010": 12, "manylinux1": 5}
_MAC = re.compile(r"macosx_(\d+)_(\d+)_(\w+)\Z")
_PLATFORM = re.compile(r"\w+\Z", re.ASCII)


class Targets(Struct, frozen=True, kw_only=True):
    """Every combination of these. `chosen`: somebody has said so, it is no default."""

    tags: frozenset[Tag]
    pythons: tuple[Version, ...]
    environments: tuple[dict[str, str], ...]  # PEP 508's, for markers
    chosen: bool

    def runs(self, filename: str) -> bool:
        """Whether a wheel of that name can be installed on one of these; an sdist always may."""
        if not filename.endswith(WHEEL):
            return True
        found = [part.split(".") for part in filename.removesuffix(WHEEL).split("-")[-3:]]
        if len(found) < 3 or prod(map(len, found)) > MAX_TAGS:  # noqa: PLR2004 - PEP 425's three
            return False
        return any(Tag(*each) in self.tags for each in product(*found))

    def allows(self, requires_python: str | None) -> bool:
        """Whether one of the Pythons will do. What nobody can read is no bound, as for pip."""
        if not requires_python or len(requires_python) > MAX_BOUND:
            return True
        try:
            bound = SpecifierSet(requires_python)
            return any(bound.contains(python, prereleases=True) for python in self.pythons)
        except ValueError:
            return True

    def meets(self, marker: Marker | None) -> bool:
        """Whether the marker holds on one of these; what cannot be told does."""
        return marker is None or any(_holds(marker, each) for each in self.environments)


def targets(
    here: Iterable[str],
    *,
    platforms: Iterable[str] = (),
    pythons: Iterable[str] = (),
    implementation: str = "",
    abis: Iterable[str] = (),
) -> Targets:
    """Make them of what pip's options of these names take; `here` are this platform's tags.

    Raise BadRequest.
    """
    asked = tuple(platforms), tuple(pythons), implementation, tuple(abis)
    runs_on = tuple(dict.fromkeys(tag for each in asked[0] for tag in _accepted(each)))
    versions = _versions(asked[1] or PYTHONS)
    if len(asked[0]) > MAX_PLATFORMS or len(versions) > MAX_PYTHONS:
        raise BadRequest(f"{MAX_PLATFORMS} platforms and {MAX_PYTHONS} Pythons at most; give fewer")
    kind = implementation or "cp"
    return _made(runs_on or tuple(here), asked[0], versions, kind, asked[3], any(asked))


@lru_cache(maxsize=4)
def _made(
    runs_on: tuple[str, ...],
    asked: tuple[str, ...],
    versions: tuple[Version, ...],
    kind: str,
    abis: tuple[str, ...],
    chosen: bool,  # noqa: FBT001 - one of the values that are remembered
) -> Targets:
    if kind not in {*_IMPLEMENTATIONS, "py"}:
        raise BadRequest(f"implementation {kind!r} is not known; give cp, pp or py")
    found = frozenset(tag for each in versions for tag in _tags(each, kind, abis, runs_on))
    systems = [_system(each) for each in asked or runs_on[:1]]
    environments = tuple(
        environment
        for version in versions
        for system in systems
        for environment in _environments(version, kind, system)
    )
    return Targets(tags=found, pythons=versions, environments=environments, chosen=chosen)


def _versions(raw: Iterable[str]) -> tuple[Version, ...]:
    """Read `3.12`, `3.12.1` and pip's `312`."""
    found = []
    for each in raw:
        dotted = re.sub(r"^(\d)(\d+)$", r"\1.\2", each)
        if not re.fullmatch(r"\d{1,3}\.\d{1,3}(\.\d{1,3})?", dotted):
            raise BadRequest(f"{each!r} is no version of Python; give one such as 3.12")
        found.append(Version(dotted))
    return tuple(dict.fromkeys(found))


def _tags(version: Version, kind: str, abis: tuple[str, ...], on: tuple[str, ...]) -> Iterator[Tag]:
    python = version.release[:2]
    interpreter = f"{kind}{python[0]}{python[1]}"
    if kind == "cp":
        yield from tags.cpython_tags(python, abis or [interpreter], on)
    elif kind == "pp":
        # PyPy names its ABI by its own version too, which nobody has said: any will do.
        more = abis or [f"pypy{python[0]}{python[1]}_pp{minor}" for minor in range(73, 80)]
        yield from tags.generic_tags(interpreter, more, on)
    yield from tags.compatible_tags(python, interpreter, on)


def _accepted(platform: str) -> Iterator[str]:
    """What runs on a platform besides its own: wheels for older ones. Raise BadRequest."""
    if not _PLATFORM.match(platform) or platform in {"linux", "macosx", "win"}:
        raise BadRequest(
            f"{platform!r} is no platform's tag; give one such as manylinux_2_28_x86_64, "
            "macosx_14_0_arm64 or win_amd64"
        )
    yield platform
    system, _, arch = platform.partition("_")
    if system == "linux":
        yield from _glibc(GLIBC, arch)
    elif system in _OLD_LINUX:
        yield from _glibc(_OLD_LINUX[system], arch)
    elif libc := _LIBC.match(platform):
        newest, arch = min(int(libc[3]), 99), libc[4]
        older = (f"musllinux_{libc[2]}_{minor}_{arch}" for minor in range(newest))
        yield from _glibc(newest, arch) if libc[1] == "manylinux" else older
    elif mac := _MAC.match(platform):
        yield from tags.mac_platforms((min(int(mac[1]), 99), min(int(mac[2]), 99)), mac[3])


def _glibc(newest: int, arch: str) -> Iterator[str]:
    """Tags of glibc 2.5 and later up to `newest`, under their new names and their old (PEP 600)."""
    for minor in range(newest, 4, -1):
        yield f"manylinux_2_{minor}_{arch}"
        yield from (f"{old}_{arch}" for old, its in _OLD_LINUX.items() if its == minor)


def _system(platform: str) -> dict[str, str]:
    """What markers call the platform that a tag names."""
    if platform.startswith("win"):
        key, machine = "win32", _WINDOWS.get(platform, "AMD64")
    elif mac := _MAC.match(platform):
        key, machine = "darwin", mac[3]
    else:
        libc = _LIBC.match(platform)
        key, machine = "linux", libc[4] if libc else platform.partition("_")[2]
    system = dict(zip(("sys_platform", "platform_system", "os_name"), _SYSTEMS[key], strict=True))
    return {**system, "platform_machine": machine}


def _environments(version: Version, kind: str, system: dict[str, str]) -> Iterator[dict[str, str]]:
    """PEP 508's variables: the oldest and the newest of a Python of which the patch is not said."""
    known = len(version.release) > 2  # noqa: PLR2004 - major and minor
    name, spelt = _IMPLEMENTATIONS.get(kind, _IMPLEMENTATIONS["cp"])
    python = f"{version.major}.{version.minor}"
    for full in [str(version)] if known else [f"{python}.0", f"{python}.99"]:
        yield {
            **system,
            "python_version": python,
            "python_full_version": full,
            "implementation_name": name,
            "implementation_version": full,
            "platform_python_implementation": spelt,
            "extra": "",
        }


def _holds(marker: Marker, environment: dict[str, str]) -> bool:
    # Which extras and groups will be installed is not known.
    if re.search(r"\b(extras?|dependency_groups)\b", str(marker)):
        return True
    try:
        return marker.evaluate(environment)
    except (ValueError, LookupError, RecursionError):  # undefined, or thousands of digits
        return True
