"""A devpi export: `dataindex.json`, and the files that it names. Of it one index is brought."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
from msgspec import Struct
from packaging.version import InvalidVersion, Version

from cloche.core.errors import BadName, BadSetting
from cloche.core.filenames import parse
from cloche.core.model import ProjectName, project_name, sane_hashes
from cloche.ports import Find, Guide, Left, Lot
from cloche.stocks._places import Place

RECORDS = "dataindex.json"
MAX_RECORDS = 1 << 30  # bytes: a file takes some 700
_Yanks = dict[tuple[str, str], bool | str]
RELEASE, GUIDE = "releasefile", "doczip"


class _Deed(Struct):
    what: str = ""
    who: str | None = None
    when: list[int] | None = None  # UTC, from the year to the second


class _Facts(Struct):
    hash_spec: str | None = None
    hashes: dict[str, str | None] | None = None
    md5: str | None = None  # devpi 2.1
    last_modified: str | None = None


class _File(Struct):
    type: str
    relpath: str
    projectname: str = ""
    version: str | None = None
    entrymapping: _Facts = msgspec.field(default_factory=_Facts)
    log: list[_Deed] = []


class _Index(Struct):
    files: list[_File] = []
    projects: dict[str, dict[str, Any]] = {}  # what is known of each version


class _Records(Struct):
    indexes: dict[str, _Index]


async def fits(place: Place) -> bool:
    return await place.find(RECORDS) is not None


async def lots(place: Place, part: str | None) -> AsyncIterator[Lot]:
    """A project's files, and the documentation of its newest version."""
    raw = await place.read(RECORDS, MAX_RECORDS)
    index = _chosen(_read(raw), part)
    files, yanked = index.files, _yanked(index)
    projects: dict[ProjectName, list[_File]] = {}
    for file in files:
        try:
            projects.setdefault(project_name(file.projectname), []).append(file)
        except BadName as e:
            yield Lot(left=(Left(file.relpath, str(e)),))
    for project, listed in projects.items():
        yield await _lot(place, project, listed, yanked)


def _read(raw: bytes | None) -> _Records:
    if raw is None:
        raise BadSetting(f"{RECORDS} is not there, or has more than {MAX_RECORDS} bytes")
    try:
        return msgspec.json.decode(raw, type=_Records)
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise BadSetting(f"{RECORDS} is not what devpi-server writes: {e}") from None


def _chosen(records: _Records, part: str | None) -> _Index:
    """The index that is wanted: the only one that has files, if none is named."""
    full = [name for name, index in records.indexes.items() if index.files]
    if part is None and len(full) == 1:
        part = full[0]
    if part is None or part not in records.indexes:
        known = ", ".join(full) or "none that has files"
        raise BadSetting(f"say which index of the export is meant, with --from; it has {known}")
    return records.indexes[part]


def _yanked(index: _Index) -> _Yanks:
    """Versions of a mirror that were yanked there: devpi itself has no yanks of its own."""
    return {
        (project, version): said or True
        for project, versions in index.projects.items()
        for version, facts in versions.items()
        if isinstance(facts, dict) and isinstance(said := facts.get("yanked"), str | bool)
        if said is not False
    }


async def _lot(place: Place, project: ProjectName, listed: list[_File], yanked: _Yanks) -> Lot:
    finds: list[Find] = []
    left: list[Left] = []
    for file in listed:
        if file.type == RELEASE:
            found = await _found(place, file, yanked.get((project, file.version or ""), False))
            (finds if isinstance(found, Find) else left).append(found)  # type: ignore[arg-type]  # each to its own
        elif file.type != GUIDE:
            place.passed += 1  # results of tox
    guides = sorted((file for file in listed if file.type == GUIDE), key=_age)
    guide = await _guide(place, project, guides[-1]) if guides else None
    # What is yanked last: a file that joins a version all yanked is yanked with it.
    finds.sort(key=lambda each: bool(each.yanked))
    return Lot(finds=tuple(finds), left=tuple(left), project=project, guide=guide)


async def _found(place: Place, file: _File, yanked: bool | str) -> Find | Left:  # noqa: FBT001 - a fact
    entry = await place.find(file.relpath)
    if entry is None:
        return Left(file.relpath, f"{RECORDS} names it, but it is not there")
    try:
        parse(entry.name)
    except BadName as e:
        return Left(file.relpath, str(e))
    uploaded = next((deed for deed in file.log if deed.what == "upload"), _Deed())
    return Find(
        path=entry.path,
        filename=entry.name,
        size=entry.size,
        modified=entry.modified,
        hashes=sane_hashes(dict(_hashes(file.entrymapping))),
        uploaded_at=_moment(uploaded.when) or _date(file.entrymapping.last_modified),
        uploaded_by=uploaded.who or None,
        yanked=yanked,
    )


async def _guide(place: Place, project: ProjectName, file: _File) -> Guide | None:
    entry = await place.find(file.relpath)
    return Guide(path=entry.path, project=project, size=entry.size) if entry else None


def _hashes(facts: _Facts) -> Iterator[tuple[str, Any]]:
    """As its releases stated them, one after the other."""
    name, _, said = (facts.hash_spec or "").partition("=")
    yield name, said
    yield "md5", facts.md5
    yield from (facts.hashes or {}).items()


def _moment(when: list[int] | None) -> datetime | None:
    try:
        return datetime(*when[:6], tzinfo=UTC) if when else None  # type: ignore[arg-type,misc]  # numbers
    except (TypeError, ValueError):
        return None


def _date(said: str | None) -> datetime | None:
    """As HTTP writes it."""
    try:
        found = parsedate_to_datetime(said or "")
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _age(file: _File) -> Version:
    try:
        return Version(file.version or "0")
    except InvalidVersion:
        return Version("0")
