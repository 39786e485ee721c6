"""bandersnatch's `exclude_platform`: parts of filenames, as it has them."""

import re
from collections.abc import Iterator

from cloche.config.bandersnatch.conf import Conf, Table

WINDOWS = (".win32", "-win32", "win_amd64", "win-amd64", "win_arm64", "win-arm64")
LINUX = (
    "linux-i686", "linux-x86_64", "linux_armv7l", "linux_armv6l", "manylinux1_i686",
    "manylinux1_x86_64", "manylinux2010_i686", "manylinux2010_x86_64", "manylinux2014_x86_64",
    "manylinux2014_i686", "manylinux2014_aarch64", "manylinux2014_armv7l", "manylinux2014_ppc64",
    "manylinux2014_ppc64le", "manylinux2014_s390x", "-manylinux_", "musllinux",
)  # fmt: skip
SYSTEMS = {
    "windows": (WINDOWS, (".msi", ".exe")),
    "macos": (("macosx_", "macosx-"), (".dmg",)),
    "freebsd": ((".freebsd", "-freebsd"), ()),
    "linux": (LINUX, (".rpm",)),
}
"""What names have within them, and how those end that are of a kind for that system alone."""

OTHER_WORDS = {"win": "windows", "macosx": "macos"}
INTERPRETERS = ("cp", "pp", "ip", "jy")
_PYTHON = re.compile(r"py([23](?:\.\d{1,2})?)\Z", re.ASCII)


def exclude_platform(conf: Conf) -> Iterator[Table]:
    """One rule over filenames; sdists are let be whatever they are called."""
    found: list[str] = []
    for word in (conf.get("blocklist", "platforms") or "").split():
        patterns = _patterns(word.lower())
        if not patterns:
            conf.note(f"[blocklist] platforms: {word} is no word of bandersnatch's")
        found += patterns
    if found:
        is_binary = [r"\A(?!sdist\Z)"]
        yield {"kind": "pattern", "filename": found, "packagetype": is_binary, "match": "all"}


def _patterns(word: str) -> list[str]:
    within, ends = SYSTEMS.get(OTHER_WORDS.get(word, word), ((), ()))
    if word in (*WINDOWS, *LINUX):
        within = (word,)
    if python := _PYTHON.match(word):
        within = _of_python(python[1])
    return [re.escape(each) for each in within] + [rf"{re.escape(each)}\Z" for each in ends]


def _of_python(version: str) -> tuple[str, ...]:
    """`py2` is in `py2.py3` as well."""
    short = version.replace(".", "")
    tags = (f"-{interpreter}{short}-" for interpreter in INTERPRETERS)
    return (*tags, f"-py{version}-", f"-py{version}.")
