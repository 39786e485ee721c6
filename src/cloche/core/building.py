"""What is to be built of a version, and what is kept of how a wheel was built."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from cloche.core.errors import BadName, BadUpload
from cloche.core.filenames import parse, version_of
from cloche.core.model import Digest, File, Page, ProjectName, project_name
from cloche.core.targets import Targets
from cloche.core.wants import Want

BUILT = "built"
"""The key of a build's provenance in the journal's entry about the wheel."""

MAX_TAIL = 2000  # characters of a log's end
TAIL_LINES = 20

_UNPRINTABLE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[^\n\x20-\x7e\xa0-\U0010ffff]")


class Interpreter(Struct, frozen=True, kw_only=True):
    """A Python to build for, and with."""

    path: str
    version: str  # such as 3.12.1
    implementation: str  # such as CPython
    platform: str  # as sysconfig names it: linux-x86_64

    @property
    def short(self) -> str:
        """Such as 3.12."""
        return ".".join(self.version.split(".")[:2])

    @property
    def kind(self) -> str:
        """As tags begin (PEP 425)."""
        return {"CPython": "cp", "PyPy": "pp"}.get(self.implementation, "py")


class Given(Struct, frozen=True, order=True):
    """A file that a build was given by the index. `key` is its sha256 where that is known."""

    filename: str
    key: str


class Built(Struct, frozen=True, kw_only=True):
    """How a wheel came to be, as the journal has it beside the file."""

    sdist: str  # its filename
    sdist_sha256: Digest
    source: str  # the index that it came from
    builder: str  # such as "uv 0.13.8"
    python: str  # such as "CPython 3.12.1"
    platform: str
    began: datetime
    ended: datetime
    requires: tuple[Given, ...]  # all that it was given: what builds it, and what that needs


class Pin(Struct, frozen=True, order=True):
    """A version that somebody's requirements come to."""

    project: ProjectName
    version: str


def wanted(wants: Iterable[Want]) -> list[str]:
    """Requirements for a resolver: names, extras, specifiers and markers, and nothing else.

    No address and no option gets through: those lead elsewhere than to the index.
    """
    return [_line(want) for want in wants]


def _line(want: Want) -> str:
    try:
        extras = sorted(Requirement(want.says).extras)
    except InvalidRequirement:  # a line of a lock file, or one with options
        extras = []
    asked = f"[{','.join(extras)}]" if extras else ""
    marker = f" ; {want.marker}" if want.marker else ""
    return f"{want.project}{asked}{want.specifiers}{marker}"


def pin(raw_name: str, raw_version: str) -> Pin:
    """Raise BadName when a resolver's word is none."""
    try:
        return Pin(project_name(raw_name), str(Version(raw_version)))
    except InvalidVersion:
        raise BadName(f"{raw_version!r} is not a version") from None


def lacking(page: Page, version: str, targets: Targets) -> File | None:
    """The sdist to build, or None: a wheel runs there, or there is nothing to build."""
    files = [file for file in page.files if version_of(file.filename) == version]
    wheels = (file for file in files if file.filename.endswith(".whl"))
    if any(targets.runs(f.filename) and targets.allows(f.requires_python) for f in wheels):
        return None
    return next((file for file in files if _is_sdist(file)), None)


def _is_sdist(file: File) -> bool:
    try:
        return parse(file.filename).filetype == "sdist"
    except BadName:
        return False


def check_wheel(filename: str, wanted: Pin, targets: Targets) -> None:
    """Raise BadUpload unless it is a wheel of that version, and runs there."""
    try:
        named = parse(filename)
    except BadName as e:
        raise BadUpload([str(e)]) from None
    if named.filetype != "bdist_wheel" or (named.project, str(named.version)) != (
        wanted.project,
        wanted.version,
    ):
        raise BadUpload([f"the build made {filename}, which is no wheel of {wanted}"])
    if not targets.runs(filename):
        raise BadUpload([f"the build made {filename}, which does not run where it was built"])


def built_in(detail: Mapping[str, Any]) -> Built | None:
    """The provenance in a journal entry's detail; None where there is none, or none that is one."""
    try:
        return msgspec.convert(detail[BUILT], Built)
    except (KeyError, msgspec.ValidationError):
        return None


def tail(log: str) -> str:
    """The end of a log, fit for a terminal."""
    lines = _UNPRINTABLE.sub("", log[-10 * MAX_TAIL :]).strip().splitlines()
    return "\n".join(lines[-TAIL_LINES:])[-MAX_TAIL:]
