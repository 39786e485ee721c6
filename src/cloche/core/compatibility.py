"""What a distribution's name says of where it runs: platforms, and Pythons with ABIs (PEP 425)."""

import re
from functools import lru_cache

from msgspec import Struct
from packaging import tags

from cloche.core.filenames import PLATFORM, Brief

MAX_PAIRS = 1000  # of Python and ABI; the largest real wheels have some 20
THREADED = (3, 13)  # from which Python on there are builds without a global lock
PYMALLOC = (3, 8)  # up to which Python the letter of its allocator is in the ABI
STABLE = frozenset({"abi3", "abi3t"})

SYSTEMS = {
    "windows": ("win32", "win_"),
    "macos": ("macosx_",),
    "manylinux": ("manylinux",),
    "musllinux": ("musllinux_",),
    "linux": ("linux_", "manylinux", "musllinux_"),
    "freebsd": ("freebsd_",),
    "android": ("android_",),
    "ios": ("ios_",),
    "emscripten": ("emscripten_", "pyodide_", "pyemscripten_"),
}
"""How the platform tags of each begin."""

MACHINES = {
    "x86_64": ("x86_64", "amd64", "intel", "universal2"),
    "x86": ("x86", "i386", "i486", "i586", "i686", "intel", "win32"),
    "aarch64": ("aarch64", "arm64", "arm64_v8a", "universal2"),
    "armv7l": ("armv7l", "armeabi_v7a"),
    "armv6l": ("armv6l",),
    "ppc64le": ("ppc64le",),
    "ppc64": ("ppc64",),
    "s390x": ("s390x",),
    "riscv64": ("riscv64",),
    "loongarch64": ("loongarch64",),
    "wasm32": ("wasm32",),
}
"""How the platform tags of each end."""

_ENDS = {
    machine: re.compile(rf"(?:.*_)?(?:{'|'.join(ends)})(?:_iphoneos|_iphonesimulator)?\Z")
    for machine, ends in MACHINES.items()
}
_OF_PYTHON = re.compile(r"-py(\d)\.?(\d*)", re.ASCII)
_OF_PLATFORM = re.compile(PLATFORM, re.ASCII)
_INTERPRETER = re.compile(r"([a-z]+)(\d)(\d*)\Z", re.ASCII)

Pair = tuple[str, str]
"""A Python tag and an ABI tag."""


class Tags(Struct, frozen=True):
    """It runs on each of the platforms with each of the pairs. None: whatever they are."""

    platforms: tuple[str, ...] | None = None
    pairs: tuple[Pair, ...] | None = None


def tags_of(filename: str, brief: Brief) -> Tags | None:
    """None where the name follows no rule, or says too much."""
    if brief.filetype == "bdist_wheel":
        return _of_wheel(brief.pythons.lower(), brief.abis.lower(), brief.platforms.lower())
    return _of_old(filename.lower(), brief.filetype) if brief.filetype else None


def is_of_system(platform: str, system: str) -> bool:
    return platform.startswith(SYSTEMS[system])


def is_of_machine(platform: str, machine: str) -> bool:
    return _ENDS[machine].match(platform) is not None


def interpreter(python: str) -> tuple[str, int, int | None] | None:
    """`cp311` taken apart: cp, 3, 11. None when it is no Python tag."""
    found = _INTERPRETER.match(python)
    return found and (found[1], int(found[2]), int(found[3]) if found[3] else None)


@lru_cache(maxsize=256)
def pairs_of(major: int, minor: int) -> frozenset[Pair]:
    """What CPython of that version can use, as packaging's tags have it, but for PyPy's."""
    version, name = (major, minor), f"cp{major}{minor}"
    abis = [[name]]
    if version < PYMALLOC:
        abis = [[name, f"{name}m", f"{name}mu", f"{name}u"]]
    elif version >= THREADED:
        abis.append([f"{name}t"])
    found = {
        tag for each in abis for tag in tags.cpython_tags(version, abis=each, platforms=["any"])
    }
    found.update(tags.compatible_tags(version, interpreter=name, platforms=["any"]))
    return frozenset((tag.interpreter, tag.abi) for tag in found)


@lru_cache(maxsize=4096)
def _of_wheel(pythons: str, abis: str, platforms: str) -> Tags | None:
    if (pythons.count(".") + 1) * (abis.count(".") + 1) > MAX_PAIRS:
        return None
    pairs = tuple((python, abi) for python in pythons.split(".") for abi in abis.split("."))
    found = tuple(platforms.split("."))
    return Tags(None if "any" in found else found, pairs)


def _of_old(filename: str, filetype: str) -> Tags:
    """What was built before there were wheels; an egg's and an installer's Python is one alone."""
    python, platform = _OF_PYTHON.search(filename), _OF_PLATFORM.search(filename)
    pairs = ((f"cp{python[1]}{python[2]}", "none"),) if python else None
    named = re.sub(r"[-.]", "_", platform[0]) if platform else None
    if filetype == "bdist_rpm":
        named = f"linux_{filename.split('.')[-2]}"
    elif filetype in {"bdist_wininst", "bdist_msi"} and not (named or "").startswith("win"):
        named = "win_any"
    return Tags((named,) if named else None, pairs)
