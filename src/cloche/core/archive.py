"""What lies inside an uploaded distribution. The bytes may come from anybody."""

import csv
import io
import re
from collections.abc import Collection, Iterable
from typing import BinaryIO

from msgspec import Struct
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from cloche.core import tars, zips
from cloche.core.errors import BadUpload
from cloche.core.filenames import Named
from cloche.core.model import MAX_FILENAME
from cloche.core.pieces import Seekable

MAX_METADATA = 10 * 2**20  # bytes: a long description with tables has some 100 KiB
MAX_RECORD = 16 * 2**20  # bytes: MAX_MEMBERS lines of 160 characters
MAX_MEMBERS = 100_000  # the largest wheels have some 20,000
MAX_TOLD = 20  # problems: an archive with 100,000 bad names must not make the answer huge
MAX_PROBLEM = 600  # characters

_SIGNATURES = ("RECORD.jws", "RECORD.p7s")  # PEP 427: not listed in RECORD
_TARS = {
    ".tar.gz": "gz",
    ".tgz": "gz",
    ".tar.bz2": "bz2",
    ".tar.xz": "xz",
    ".tar": "",
}
_DRIVE = re.compile(r"[A-Za-z]:")


class Contents(Struct, frozen=True):
    metadata: bytes | None  # METADATA or PKG-INFO; None for a kind that has none


def read(filename: str, named: Named, file: BinaryIO) -> Contents:
    """Read the metadata out of a distribution, and check that it is a safe and sound archive.

    Raise BadUpload, with all that is wrong, and nothing else.
    """
    try:
        return Contents(_metadata(filename.lower(), named, file))
    except BadUpload as e:
        raise BadUpload(told(e.problems)) from e


def _metadata(filename: str, named: Named, file: BinaryIO) -> bytes | None:
    if named.filetype == "bdist_wheel":
        return _wheel(named, file)
    if named.filetype == "bdist_egg":
        return _egg(file)
    if named.filetype != "sdist":
        return None
    if filename.endswith(".zip"):
        return _zip_sdist(named, file)
    for end, packing in _TARS.items():
        if filename.endswith(end):
            return _tar_sdist(named, file, packing)
    raise BadUpload([f"{filename!r} cannot be unpacked; upload a .tar.gz"])


def _wheel(named: Named, file: BinaryIO) -> bytes:
    by_name, problems = _zip_members(file)
    folder = _dist_info(named, by_name, problems)
    if f"{folder}/WHEEL" not in by_name:
        problems.append(f"the wheel has no {folder}/WHEEL; build it again")
    record = _content(file, by_name, f"{folder}/RECORD", MAX_RECORD, problems)
    if record is not None:
        files = {name for name, member in by_name.items() if not member.is_folder}
        problems += _unrecorded(folder, files, record)
    metadata = _content(file, by_name, f"{folder}/METADATA", MAX_METADATA, problems)
    return _sound(metadata, problems)


def wheel_metadata(named: Named, file: Seekable) -> bytes:
    """METADATA, read as pip does: from the wheel's end, without a look at most of the rest.

    Raise BadUpload when there is none that can be read.
    """
    by_name = {member.name: member for member in zips.listed(file, MAX_MEMBERS)}
    problems: list[str] = []
    folder = _dist_info(named, by_name, problems)
    try:
        content = _content(file, by_name, f"{folder}/METADATA", MAX_METADATA, problems)
        return _sound(content, problems)
    except BadUpload as e:
        raise BadUpload(told(e.problems)) from e


def _egg(file: BinaryIO) -> bytes | None:
    by_name, problems = _zip_members(file)
    if "EGG-INFO/PKG-INFO" not in by_name:
        if problems:
            raise BadUpload(problems)
        return None
    return _sound(_content(file, by_name, "EGG-INFO/PKG-INFO", MAX_METADATA, problems), problems)


def _zip_sdist(named: Named, file: BinaryIO) -> bytes:
    by_name, problems = _zip_members(file)
    found = [name for name in by_name if _is_pkg_info(named, name)]
    metadata = None
    if _one_pkg_info(named, found, problems):
        metadata = _content(file, by_name, found[0], MAX_METADATA, problems)
    return _sound(metadata, problems)


def _tar_sdist(named: Named, file: BinaryIO, packing: str) -> bytes:
    seen: list[tuple[str, bool]] = []
    found: dict[str, bytes] = {}
    problems: list[str] = []

    def wanted(entry: tars.Entry) -> bool:
        fits = entry.size <= MAX_METADATA
        return entry.is_file and fits and not found and _is_pkg_info(named, entry.name)

    try:
        for entry, data in tars.entries(file, packing, MAX_MEMBERS, wanted):
            seen.append((entry.name, entry.is_folder))
            if entry.is_file and _is_pkg_info(named, entry.name):
                found[entry.name] = data
                problems += _oversize(entry)
    except BadUpload as e:
        raise BadUpload(bad_names(seen) + problems + e.problems) from e
    problems = bad_names(seen) + problems
    metadata = next(iter(found.values())) if _one_pkg_info(named, found, problems) else None
    return _sound(metadata, problems)


def _oversize(entry: tars.Entry) -> list[str]:
    if entry.size <= MAX_METADATA:
        return []
    return [f"{entry.name!r} is larger than {MAX_METADATA} bytes; shorten the description"]


def _zip_members(file: BinaryIO) -> tuple[dict[str, zips.Member], list[str]]:
    """The members by name, and what is wrong with them."""
    members = zips.members(file, MAX_MEMBERS)
    if any(member.encrypted for member in members):
        raise BadUpload(["the archive is encrypted; upload it without a password"])
    problems = bad_names((member.name, member.is_folder) for member in members)
    return {member.name: member for member in members}, problems


def _content(
    file: Seekable,
    by_name: dict[str, zips.Member],
    name: str,
    limit: int,
    problems: list[str],
) -> bytes | None:
    if name not in by_name:
        problems.append(f"the archive has no {name}; build it again")
        return None
    try:
        return zips.content(file, by_name[name], limit)
    except BadUpload as e:
        problems += e.problems
        return None


def _dist_info(named: Named, names: Iterable[str], problems: list[str]) -> str:
    """The wheel's .dist-info directory; the one it should have, when that is in doubt."""
    tops = {name.partition("/")[0] for name in names if "/" in name}
    found = sorted(top for top in tops if top.endswith(".dist-info"))
    fitting = [top for top in found if _spells(named, top.removesuffix(".dist-info"))]
    wanted = f"{named.project.replace('-', '_')}-{named.version}.dist-info"
    if len(found) > 1:
        problems.append(f"the wheel has {len(found)} .dist-info directories; keep {wanted} alone")
    if found and not fitting:
        problems.append(f"the wheel's {found[0]!r} does not fit its filename; it must be {wanted}")
    return fitting[0] if fitting else (found[0] if found else wanted)


def _unrecorded(folder: str, files: set[str], record: bytes) -> list[str]:
    """Where RECORD and the archive list different files (PEP 376, PEP 427)."""
    try:
        listed = _listed(record)
    except (UnicodeDecodeError, csv.Error) as e:
        return [f"{folder}/RECORD cannot be read ({e}); build the wheel again"]
    exempt = {f"{folder}/{name}" for name in ("RECORD", *_SIGNATURES)}
    return [
        *(
            f"{name!r} is in the wheel and not in its RECORD; build the wheel again"
            for name in sorted(files - listed - exempt)
        ),
        *(
            f"{name!r} is in RECORD and not in the wheel; build the wheel again"
            for name in sorted(listed - files - exempt)
        ),
    ]


def _listed(record: bytes) -> set[str]:
    names: set[str] = set()
    for row in csv.reader(io.StringIO(record.decode(), newline=""), strict=True):
        if row:
            names.add(row[0])
        if len(names) > MAX_MEMBERS:
            raise csv.Error(f"it lists over {MAX_MEMBERS} files")
    return names


def _is_pkg_info(named: Named, name: str) -> bool:
    folder, _, rest = name.removeprefix("./").partition("/")
    return rest == "PKG-INFO" and _spells(named, folder)


def _one_pkg_info(named: Named, found: Collection[str], problems: list[str]) -> bool:
    if len(found) == 1:
        return True
    wanted = f"{named.project.replace('-', '_')}-{named.version}/PKG-INFO"
    count = f"{len(found)} times" if found else "not"
    problems.append(f"{wanted} is {count} in the sdist; it must be there once: build it again")
    return False


def _spells(named: Named, stem: str) -> bool:
    """Whether `stem` is a spelling of name, dash and version. Either may contain dashes."""
    if len(stem) > MAX_FILENAME:
        return False
    dashes = [at for at, letter in enumerate(stem) if letter == "-"]
    return any(
        canonicalize_name(stem[:at]) == str(named.project) and _is_version(named, stem[at + 1 :])
        for at in dashes
    )


def _is_version(named: Named, raw: str) -> bool:
    try:
        return Version(raw) == named.version
    except InvalidVersion:
        return False


def bad_names(members: Iterable[tuple[str, bool]]) -> list[str]:
    """What is wrong with names of members, each with whether it is a folder."""
    seen: dict[str, bool] = {}
    problems = []
    for name, is_folder in members:
        if _escapes(name):
            problems.append(f"the member {name!r} would be written outside; use plain paths")
        key = name.removeprefix("./").rstrip("/")
        if key in seen and not (is_folder and seen[key]):
            problems.append(f"two members are named {key!r}; build the archive again")
        seen[key] = is_folder
    return problems


def _escapes(name: str) -> bool:
    """Whether a name is absolute or climbs, for Windows too; control characters hide things."""
    slashed = name.replace("\\", "/")
    return (
        slashed.startswith("/")
        or _DRIVE.match(name) is not None
        or ".." in slashed.split("/")
        or any(letter < " " for letter in name)
    )


def _sound(metadata: bytes | None, problems: list[str]) -> bytes:
    if problems or metadata is None:
        raise BadUpload(problems)
    return metadata


def told(problems: list[str]) -> list[str]:
    """Cut what a hostile archive makes long: names have up to 64 KiB."""
    told = [_clipped(problem) for problem in problems[:MAX_TOLD]]
    more = len(problems) - MAX_TOLD
    return [*told, f"and {more} more problems"] if more > 0 else told


def _clipped(problem: str) -> str:
    half = MAX_PROBLEM // 2
    return problem if len(problem) <= MAX_PROBLEM else f"{problem[:half]}…{problem[-half:]}"
