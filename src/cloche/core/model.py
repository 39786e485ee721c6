"""The nouns of the packaging standards, as types. Raw strings become these once, at the edge."""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NewType

from msgspec import Raw, Struct
from packaging.utils import InvalidName, canonicalize_name

from cloche.core.errors import BadName

ProjectName = NewType("ProjectName", str)
"""A name in normal form (PEP 503). Only `project_name` makes one; nothing re-normalizes."""

Digest = NewType("Digest", str)
"""A sha256 in 64 lower-case hexadecimal digits. Only `digest` and hashing make one."""

FileKey = NewType("FileKey", str)
"""What a file's URL names it by: its sha256, or `u` and a hash of where it came from."""

METADATA, SIGNATURE, PROVENANCE = BESIDE = (".metadata", ".asc", ".provenance")
"""How the names end of what lies beside distributions."""

MAX_NAME = 200
MAX_FILENAME = 255  # bytes: what a file system takes

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_KEY = re.compile(r"u?[0-9a-f]{64}\Z")
_HEX = re.compile(r"[0-9a-fA-F]+\Z")
HASH_LENGTHS = {  # of those that every Python knows, but shakes, which have no length of their own
    name: 2 * hashlib.new(name, usedforsecurity=False).digest_size
    for name in sorted(hashlib.algorithms_guaranteed)
    if not name.startswith("shake") and name != "blake2b"  # uv wants a blake2b of half the length
}


def project_name(raw: str) -> ProjectName:
    """Normalize a name (PEP 503). Raise BadName when it is none (PyPA name format)."""
    if len(raw) > MAX_NAME:
        raise BadName(f"a project name of {len(raw)} characters is too long; {MAX_NAME} at most")
    try:
        return ProjectName(canonicalize_name(raw, validate=True))
    except InvalidName:
        raise BadName(
            f"{raw!r} is not a project name: use letters, digits, '.', '-' and '_'"
        ) from None


def digest(raw: str) -> Digest:
    """Raise BadName when `raw` is not a sha256 in lower-case hexadecimal."""
    if not _SHA256.match(raw):
        raise BadName(f"{raw!r} is not a sha256 in lower-case hexadecimal")
    return Digest(raw)


def file_key(raw: str) -> FileKey:
    """Raise BadName when `raw` cannot be the key in a file's URL."""
    if not _KEY.match(raw):
        raise BadName(f"{raw!r} does not name a file; take file URLs from the project's page")
    return FileKey(raw)


def safe_filename(raw: str) -> bool:
    """Whether `raw` can be a distribution's filename: one path segment, printable, not hidden."""
    return (
        0 < len(raw.encode(errors="replace")) <= MAX_FILENAME
        and raw.isprintable()
        and not raw.startswith(".")
        and "/" not in raw
        and "\\" not in raw
    )


def sane_hashes(hashes: Mapping[str, str | None]) -> dict[str, str]:
    """Keep the hashes that clients can check: known algorithm, right length, hexadecimal.

    uv fails the whole project on a digest of the wrong length, pip on an unknown algorithm.
    """
    return {
        name: value.lower()
        for said, value in hashes.items()
        if value and len(value) == HASH_LENGTHS.get(name := said.lower()) and _HEX.match(value)
    }


class Status(StrEnum):
    """What may be expected of a project (PEP 792)."""

    ACTIVE = "active"
    ARCHIVED = "archived"  # takes no uploads
    DEPRECATED = "deprecated"
    QUARANTINED = "quarantined"  # takes no uploads, offers no files


class File(Struct, frozen=True, kw_only=True, gc=False):
    """One distribution, as a page lists it (PEP 503, 592, 691, 700, 714, 740).

    Two clocks: `upload_time` is its source's, `first_seen` this server's, for a file of which its
    upstream states no time, or where a rule goes by it; that one began to watch the project at
    `watched_since`. `unknown` and `attributes` are of keys that no standard here names.
    """

    filename: str
    hashes: dict[str, str] = {}
    url: str = ""  # where an upstream offers it; empty for uploads
    size: int | None = None  # bytes
    upload_time: datetime | None = None  # as the upstream, or this server for uploads, states it
    upload_time_text: str | None = None  # as stated, where its precision is not ours
    requires_python: str | None = None
    core_metadata: bool | dict[str, str] = False
    yanked: bool | str = False  # PEP 592: any string is a reason
    gpg_sig: bool | None = None  # whether a signature lies beside it, at `.asc`
    provenance: str | None = None  # where an upstream has it; for uploads its sha256
    unknown: dict[str, Raw] | None = None  # of a JSON entry
    attributes: dict[str, str] | None = None  # `data-…` of an HTML link
    first_seen: datetime | None = None
    watched_since: datetime | None = None
    metadata_within: bool = False  # `core_metadata` is our promise: to read it out of the wheel
    listed_key: FileKey | None = None  # the key before this server found out the sha256

    @property
    def sha256(self) -> Digest | None:
        found = self.hashes.get("sha256")
        return Digest(found) if found else None

    @property
    def key(self) -> FileKey:
        """Stable as long as the upstream offers the same file at the same place.

        What this server finds out about the file does not change it (decision 0006).
        """
        return self.listed_key or FileKey(
            self.sha256 or "u" + hashlib.sha256(self.url.encode()).hexdigest()
        )


class Unknown(Struct, frozen=True, kw_only=True):
    """What an upstream's page says beyond the standards known here: each a key and its value."""

    page: dict[str, Raw] | None = None
    meta: dict[str, Raw] | None = None
    status: dict[str, Raw] | None = None
    metas: dict[str, str] | None = None  # `<meta name="pypi:…">` of an HTML page


class Page(Struct, frozen=True, kw_only=True):
    """What a source knows of one project (PEP 691's project detail, PEP 792's status)."""

    name: ProjectName
    files: tuple[File, ...] = ()
    versions: tuple[str, ...] = ()
    status: str = "active"
    status_reason: str | None = None
    unknown: Unknown | None = None

    def find(self, filename: str) -> File | None:
        return next((file for file in self.files if file.filename == filename), None)


class Artifact(Struct, frozen=True, kw_only=True):
    """Bytes that an upstream offers: a distribution, or what lies beside one."""

    upstream: str
    project: ProjectName
    filename: str
    url: str
    key: FileKey  # of the distribution, also for what lies beside it
    hashes: dict[str, str] = {}
    size: int | None = None

    @property
    def sha256(self) -> Digest | None:
        found = self.hashes.get("sha256")
        return Digest(found) if found else None

    @property
    def slot(self) -> str:
        """Tells the transfers under way on a node apart."""
        beside = next((end for end in BESIDE if self.filename.endswith(end)), "")
        return f"{self.key}-{beside[1:]}" if beside else self.key


class Held(Struct, frozen=True, kw_only=True):
    """An upstream's bytes that this server keeps."""

    upstream: str
    project: ProjectName
    filename: str
    key: FileKey
    digest: Digest
    size: int
    at: datetime


class DocFile(Struct, frozen=True, kw_only=True):
    """A file of a project's documentation."""

    path: str  # within it, with slashes
    digest: Digest
    size: int


class Upload(Struct, frozen=True, kw_only=True):
    """A distribution that somebody published here, as the ledger records it."""

    index: str
    project: ProjectName
    display_name: str
    version: str
    filename: str
    filetype: str
    digest: Digest
    size: int
    hashes: dict[str, str]
    metadata: Digest | None
    requires_python: str | None
    uploaded_at: datetime
    uploaded_by: str
    yanked: bool = False
    yanked_reason: str = ""
    signature: Digest | None = None  # of the OpenPGP signature beside the file
    provenance: Digest | None = None  # of the provenance object (PEP 740)
    first_index: str | None = None  # the index or upstream that had it first, if another
