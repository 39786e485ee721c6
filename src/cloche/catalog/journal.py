"""The append-only record of every change, numbered by one ever-growing serial."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, insert

from cloche.catalog.schema import journal


class Change(StrEnum):
    FILE_UPLOADED = "file uploaded"
    FILE_DELETED = "file deleted"
    FILE_YANKED = "file yanked"
    FILE_UNYANKED = "file unyanked"
    VERSION_YANKED = "version yanked"
    VERSION_UNYANKED = "version unyanked"
    STATUS_CHANGED = "status changed"
    STATUS_REMOVED = "status removed"
    DOCUMENTED = "documentation uploaded"
    PAGE_CHANGED = "page changed"
    PAGE_GONE = "page gone"
    FILE_LEARNED = "file learned"  # digest or size, which its upstream does not list
    PAGE_EXPIRED = "page expired"
    TOKEN_CREATED = "token created"  # noqa: S105  # a name for an event
    TOKEN_REVOKED = "token revoked"  # noqa: S105  # a name for an event


def record(
    connection: Connection,
    action: Change,
    *,
    at: datetime,
    who: str,
    detail: dict[str, Any],
    **where: str,
) -> int:
    """Append an entry in the caller's write transaction, and return its serial.

    `where` is any of place (an index or upstream), project, version and filename.
    """
    entry = {"action": action.value, "at": at, "who": who, "detail": _json(detail), **where}
    serial: int = connection.execute(_APPEND, entry).scalar_one()
    return serial


_APPEND = insert(journal).returning(journal.c.serial)


def _json(detail: dict[str, Any]) -> str:
    return msgspec.json.encode(detail).decode()
