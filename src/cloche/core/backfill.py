"""What an upstream leaves unsaid of its files, filled in from what this server found out itself."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from cloche.core.model import METADATA, Digest, File, FileKey, Page

WHEEL_DASHES = frozenset({4, 5})  # PEP 427: with a build tag or without


class Bytes(Struct, frozen=True):
    """What came when a file, or its metadata, was fetched."""

    digest: Digest
    size: int


Kept = Mapping[tuple[FileKey, str], Bytes]
"""By a file's key, and its filename or that of what lies beside it."""

Seen = Mapping[str, datetime]
"""When a file was first seen, by its `sighting`."""


class Findings(Struct, frozen=True):
    """What is known of one project's files that its upstream does not say."""

    kept: Kept = {}
    seen: Seen = {}
    watched: bool = False  # `seen` is asked for also of files with an upload time


def lacks_bytes(page: Page) -> bool:
    """Whether the page leaves something unsaid that a kept file could tell."""
    return any(
        file.size is None
        or "sha256" not in file.hashes
        or file.core_metadata is True
        or _may_hold_metadata(file)
        for file in page.files
    )


def lacks_times(page: Page) -> bool:
    """Whether the page leaves an upload time unsaid."""
    return any(file.upload_time is None for file in page.files)


def timeless(page: Page) -> list[str]:
    """The sightings of the files without an upload time."""
    return [sighting(file) for file in page.files if file.upload_time is None]


def sightings(page: Page) -> list[str]:
    """Those of all files."""
    return [sighting(file) for file in page.files]


def sighting(file: File) -> str:
    """The same for the same bytes; where no digest is listed, for the same place.

    A query is not of the place: that of a signed address is another one each time.
    """
    place = f"{file.filename} {file.url.partition('?')[0]}"
    return file.sha256 or "u" + hashlib.sha256(place.encode()).hexdigest()


def filled(page: Page, findings: Findings, since: datetime) -> Page:
    """The page with what was found out.

    `since` is when a file was seen first of which nothing is recorded: as long as its page is kept.
    """
    if not (findings.watched or lacks_bytes(page) or lacks_times(page)):
        return page
    began = min(findings.seen.values(), default=since) if findings.watched else None
    return replace(page, files=tuple(_filled(file, findings, since, began) for file in page.files))


def _filled(file: File, findings: Findings, since: datetime, began: datetime | None) -> File:
    facts = _bytes_facts(file, findings) | _metadata_facts(file, findings)
    if file.upload_time is None or findings.watched:
        facts["first_seen"] = findings.seen.get(sighting(file), since)
        facts["watched_since"] = began
    return replace(file, **facts) if facts else file


def _bytes_facts(file: File, findings: Findings) -> dict[str, Any]:
    found = findings.kept.get((file.key, file.filename))
    facts: dict[str, Any] = {}
    if found is not None and file.size is None:
        facts["size"] = found.size
    if found is not None and file.sha256 is None:
        facts |= {"hashes": {"sha256": found.digest, **file.hashes}, "listed_key": file.key}
    return facts


def _metadata_facts(file: File, findings: Findings) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if not file.core_metadata and _may_hold_metadata(file):
        facts = {"core_metadata": True, "metadata_within": True}
    found = findings.kept.get((file.key, file.filename + METADATA))
    if found is not None and (facts or file.core_metadata is True):
        facts["core_metadata"] = {"sha256": found.digest}
    return facts


def _may_hold_metadata(file: File) -> bool:
    name = file.filename
    return not file.core_metadata and name.endswith(".whl") and name.count("-") in WHEEL_DASHES
