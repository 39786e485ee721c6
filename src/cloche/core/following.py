"""A journal as another server follows it: each change, and all that is needed to do the same."""

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from cloche.core import documentation
from cloche.core.errors import BadName, UpstreamLies
from cloche.core.journal import Change
from cloche.core.model import (
    DocFile,
    Status,
    Upload,
    digest,
    project_name,
    safe_filename,
)

FOLLOWED = frozenset(
    {
        Change.FILE_UPLOADED,
        Change.FILE_DELETED,
        Change.FILE_YANKED,
        Change.FILE_UNYANKED,
        Change.VERSION_YANKED,
        Change.VERSION_UNYANKED,
        Change.STATUS_CHANGED,
        Change.STATUS_REMOVED,
        Change.ADMITTED,
        Change.ADMISSION_ENDED,
        Change.DOCUMENTED,
    }
)
"""What whoever follows an index does as well, and nobody else may do there meanwhile."""

MARK = 32  # hexadecimal digits
MOST = 500  # steps of one stretch
MAX_WAIT = 20  # seconds that a question may wait for something to happen
MAX_TEXT = 10_000  # characters of anything that is no digest
_HASH = re.compile(r"[a-z0-9_]{1,20}=[0-9a-f]{8,128}\Z").match
HERE = "-"  # as an index's name: the one whose address is asked

Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Serial = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Position(Struct, frozen=True, kw_only=True):
    """A place in one journal: the entry `serial` of the data named `store`.

    `mark` is a hash of that entry: a journal that was restored from a backup and has grown again
    has another one there.
    """

    store: Text
    serial: Serial = 0
    mark: Text = ""


class Told(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entry about the index that is followed, and what it does not say itself."""

    serial: Serial
    mark: Text
    at: datetime
    who: Text
    action: Text
    project: Text
    version: Text | None = None
    filename: Text | None = None
    detail: dict[str, Any] = {}
    upload: Upload | None = None  # of FILE_UPLOADED
    deleted_at: datetime | None = None  # of the upload: its bytes may be gone by now
    documentation: tuple[DocFile, ...] | None = None  # of DOCUMENTED, unless there is a later one
    admitted_at: datetime | None = None  # of ADMISSION_ENDED: which admission


class Stretch(Struct, frozen=True, kw_only=True):
    """All that happened in an index after one position, up to another."""

    steps: tuple[Told, ...]
    reached: Position
    newest: Serial  # of the whole journal: beyond `reached`, there is more to ask for
    at: datetime  # of the clock there, before it looked


def mark_of(entry: Iterable[Any]) -> str:
    """The hash of an entry: of all its columns, in their order."""
    said = msgspec.json.encode(list(entry))
    return hashlib.sha256(said).hexdigest()[:MARK]


def checked(stretch: Stretch, since: int, of: str) -> Stretch:
    """The stretch, if it can be what a server answers that was asked for what is after `since`.

    `of` is who said so. Raise UpstreamLies.
    """
    before = since
    for step in stretch.steps:
        if not before < step.serial <= stretch.reached.serial:
            raise UpstreamLies(f"{of} tells its journal out of order, at serial {step.serial}")
        before = step.serial
        try:
            _check(step)
        except (BadName, ValueError) as e:
            raise UpstreamLies(f"{of} tells nonsense at serial {step.serial}: {e}") from None
    if not since <= stretch.reached.serial <= stretch.newest:
        raise UpstreamLies(f"{of} tells of serial {stretch.reached.serial} after {since}")
    return stretch


def _check(step: Told) -> None:
    """Raise BadName or ValueError."""
    if step.action not in FOLLOWED:
        raise ValueError(f"nobody follows {step.action[:100]!r}")
    _same("project", step.project, project_name(step.project))
    if step.filename is not None and not safe_filename(step.filename):
        raise BadName(f"{step.filename[:100]!r} is no filename")
    if step.action == Change.FILE_UPLOADED:
        _check_upload(step)
    if step.action == Change.FILE_DELETED and step.filename is None:
        raise ValueError("no file is named")
    if step.action == Change.STATUS_CHANGED:
        Status(step.detail.get("status", ""))
    for file in step.documentation or ():
        _check_documented(file)


def _check_upload(step: Told) -> None:
    upload = step.upload
    if upload is None:
        raise ValueError("the upload is not told")
    for name in ("project", "version", "filename"):
        _same(name, getattr(upload, name), getattr(step, name))
    for each in (upload.digest, upload.metadata, upload.signature, upload.provenance):
        if each is not None:
            digest(each)
    if upload.size < 0 or not all(map(_HASH, (f"{k}={v}" for k, v in upload.hashes.items()))):
        raise ValueError(f"{upload.filename} has a size or hashes that cannot be")
    _same("sha256", upload.hashes.get("sha256", upload.digest), upload.digest)


def _check_documented(file: DocFile) -> None:
    digest(file.digest)
    segments = file.path.split("/")
    if (
        len(file.path) > documentation.MAX_PATH
        or not {"", ".", ".."}.isdisjoint(segments)
        or not 0 <= file.size <= documentation.MAX_FILE
    ):
        raise ValueError(f"{file.path[:100]!r} is no file of documentation")


def _same(what: str, said: object, wanted: object) -> None:
    if said != wanted:
        raise ValueError(f"the {what} is {str(said)[:100]!r}, not {str(wanted)[:100]!r}")
