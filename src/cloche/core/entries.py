"""What both formats of a page say of files, made sense of: each fact, or nothing."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from cloche.core.addresses import absolute
from cloche.core.errors import UpstreamLies
from cloche.core.model import File, ProjectName, Status, safe_filename, sane_hashes

API_VERSION = "1.4"
ACTIVE = Status.ACTIVE.value
QUARANTINED = Status.QUARANTINED.value  # PEP 792: offer no files
STATUSES = frozenset(status.value for status in Status)

Claim = bool | dict[str, str] | None
"""PEP 658 and 714: whether there is metadata, or its hashes."""

_TO_SECONDS, _TO_MICROSECONDS = len("2000-01-01T00:00:00Z"), len("2000-01-01T00:00:00.000000Z")
_STATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z\Z", re.ASCII)


def place(filename: str, href: str, base: str) -> str | None:
    """Where a file lies, or None when its name or its address is not acceptable."""
    return absolute(href, base) if safe_filename(filename) else None


def claim(said: Claim) -> bool | dict[str, str]:
    return (sane_hashes(said) or True) if isinstance(said, dict) else bool(said)


def sound(name: ProjectName, listed: int, files: Iterable[File | None]) -> tuple[File, ...]:
    """Keep the first file of each name. Some must remain of a page that listed any."""
    found = {file.filename: file for file in reversed([f for f in files if f is not None])}
    if listed and not found:
        raise UpstreamLies(f"no entry of the upstream's page of {name} can be understood")
    return tuple(reversed(found.values()))


def status_of(status: str | None, reason: str | None) -> tuple[str, str | None]:
    """The status as PEP 792 knows it. A client may fail on another, so that counts as none."""
    return (status, reason or None) if status in STATUSES else (ACTIVE, None)


def moment(said: str | None) -> tuple[datetime | None, str | None]:
    """The time in UTC, and how it was stated if we would write it otherwise (PEP 700).

    None when it is no time, or lies outside of the years that can be written.
    """
    if said is None:
        return None, None
    try:
        when = datetime.fromisoformat(said)
        if when.tzinfo is not UTC:
            when = when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None, None
    usual = len(said) == (_TO_MICROSECONDS if when.microsecond else _TO_SECONDS)
    return when, said if not usual and _STATED.match(said) else None


def check_version(name: ProjectName, version: str | None) -> None:
    # PEP 629: a greater major version cannot be understood.
    if (version or API_VERSION).partition(".")[0] != "1":
        raise UpstreamLies(f"the upstream's page of {name} is of API version {version}, not 1.x")


def check_count(name: ProjectName, count: int, most: int) -> None:
    if count > most:
        raise UpstreamLies(
            f"the upstream's page of {name} lists {count} files; max_files allows {most}"
        )
