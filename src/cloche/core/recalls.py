"""Files that are kept, and that their upstream has taken back: deleted, quarantined, yanked."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace
from packaging.version import Version

from cloche.core.advisories import Advisory, concerned
from cloche.core.filenames import brief, version_of
from cloche.core.model import BESIDE, METADATA, Digest, File, FileKey, Held, Page, ProjectName
from cloche.core.wire import QUARANTINED

MOST_IDS = 20  # of advisories, told of one file


class Why(StrEnum):
    DELETED = "deleted"
    QUARANTINED = "quarantined"
    YANKED = "yanked"
    FLAGGED = "flagged"  # nobody took it back, but an advisory is about it


class Recall(Struct, frozen=True, kw_only=True):
    """That a kept file was taken back. `file` is as its upstream listed it last."""

    upstream: str
    project: ProjectName
    key: FileKey
    digest: Digest
    file: File
    why: Why
    reason: str = ""  # as the upstream gives one
    advisories: tuple[str, ...] = ()
    at: datetime | None = None  # when that was noticed; None before it is recorded
    serial: int = 0  # of the journal entry that says so

    @property
    def filename(self) -> str:
        return self.file.filename


def distributions(held: Iterable[Held]) -> list[Held]:
    """Without what lies beside them."""
    return [each for each in held if not each.filename.endswith(BESIDE)]


def vanished(before: Page | None, after: Page | None, held: Iterable[Held]) -> Iterator[Recall]:
    """The kept files that a project's page lists no longer; no page is one that lists none."""
    listed = {file.filename for file in after.files} if after else set()
    gone = after is not None and after.status == QUARANTINED
    why = Why.QUARANTINED if gone else Why.DELETED
    reason = (after.status_reason if gone and after else None) or ""
    for one in distributions(held):
        if one.filename not in listed:
            yield _recall(one, _last(before, one), why, reason)


def yanked(before: Page | None, after: Page | None, held: Iterable[Held]) -> Iterator[Recall]:
    """The kept files that were yanked between two states of the page (PEP 592)."""
    if before is None or after is None:
        return
    free = {file.filename for file in before.files if not _is_yanked(file)}
    named = {file.filename: file for file in after.files if _is_yanked(file)}
    for one in distributions(held):
        file = named.get(one.filename)
        if file is not None and one.filename in free and file.key == one.key:
            said = file.yanked if isinstance(file.yanked, str) else ""
            yield _recall(one, file, Why.YANKED, said)


def flagged(advisories: Collection[Advisory], held: Iterable[Held]) -> Iterator[Recall]:
    """The kept files that advisories are about which hold."""
    files = distributions(held)
    versions: Mapping[str, Version | None] = {
        one.filename: brief(one.filename).version for one in files
    }
    holding = [each for each in advisories if each.withdrawn is None]
    found = concerned(holding, (each for each in versions.values() if each))
    for one in files:
        version = versions[one.filename]
        against = found.get(version, ()) if version is not None else holding
        if against:
            ids = tuple(sorted({each.id for each in against})[:MOST_IDS])
            yield replace(_recall(one, _last(None, one), Why.FLAGGED, ""), advisories=ids)


def over(page: Page, recalls: Iterable[Recall], beside: Collection[tuple[FileKey, str]]) -> Page:
    """The page with the deleted files among them, marked: they can be had still.

    `beside` is what is kept of the project's files by key and name: a file has its metadata if
    that is among it, or if it is a wheel, out of which it can be read.
    """
    names = {file.filename for file in page.files}
    back = [
        _marked(each, beside)
        for each in recalls
        if each.why is Why.DELETED and each.filename not in names
    ]
    if not back:
        return page
    stated = dict.fromkeys((*page.versions, *(_version(each) for each in back)))
    versions = tuple(each for each in stated if each) if page.versions else ()
    return replace(page, files=(*page.files, *back), versions=versions)


def sentence(recall: Recall) -> str:
    """What happened to the file, for people."""
    when = f" on {recall.at:%Y-%m-%d}" if recall.at else ""
    return f"{recall.why} upstream{when}{f': {recall.reason}' if recall.reason else ''}"


def _recall(one: Held, file: File, why: Why, reason: str) -> Recall:
    return Recall(
        upstream=one.upstream,
        project=one.project,
        key=one.key,
        digest=one.digest,
        file=file,
        why=why,
        reason=reason,
    )


def _last(before: Page | None, one: Held) -> File:
    """The file as it was listed, without what nobody can vouch for any more."""
    listed = before.find(one.filename) if before else None
    if listed is None or listed.key != one.key:
        listed = File(filename=one.filename)
    return replace(
        listed,
        url="",
        hashes={**listed.hashes, "sha256": one.digest},
        size=one.size,
        listed_key=one.key,
        gpg_sig=None,
        provenance=None,
        unknown=None,
        attributes=None,
    )


def _marked(recall: Recall, beside: Collection[tuple[FileKey, str]]) -> File:
    file = recall.file
    is_wheel = file.filename.endswith(".whl")
    has_metadata = (recall.key, file.filename + METADATA) in beside
    return replace(
        file,
        yanked=sentence(recall),
        core_metadata=(file.core_metadata or is_wheel) if has_metadata or is_wheel else False,
        metadata_within=is_wheel,
    )


def _version(file: File) -> str | None:
    return version_of(file.filename)


def _is_yanked(file: File) -> bool:
    return file.yanked is not False
