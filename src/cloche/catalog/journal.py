"""The append-only record of every change, numbered by one ever-growing serial."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, insert

from cloche.catalog.schema import journal
from cloche.core.journal import Change


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
