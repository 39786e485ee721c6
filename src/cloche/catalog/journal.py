"""The append-only record of every change, numbered by one ever-growing serial."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, insert, select

from cloche.catalog.schema import following, journal
from cloche.core.errors import Follows
from cloche.core.following import FOLLOWED
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

    `where` is any of place (an index or upstream), project, version and filename. Raise Follows
    when the place is an index that does what another server does.
    """
    if action in FOLLOWED:
        check_own(connection, where.get("place", ""))
    return append(connection, action.value, at=at, who=who, detail=detail, **where)


def check_own(connection: Connection, index: str) -> None:
    """Raise Follows when another server decides what the index has."""
    url = connection.execute(_FOLLOWS, {"index": index}).scalar()
    if url is not None:
        raise Follows.to(index, url)


def append(
    connection: Connection,
    action: str,
    *,
    at: datetime,
    who: str,
    detail: dict[str, Any],
    **where: str | None,
) -> int:
    """Append an entry, whoever decides about the place."""
    entry = {"action": action, "at": at, "who": who, "detail": encoded(detail), **where}
    serial: int = connection.execute(_APPEND, entry).scalar_one()
    return serial


_FOLLOWS = select(following.c.url).where(
    following.c.index_name == bindparam("index"), following.c.promoted_at.is_(None)
)
_APPEND = insert(journal).returning(journal.c.serial)


def encoded(detail: dict[str, Any]) -> str:
    """A `detail` as its column has it."""
    return msgspec.json.encode(detail).decode()
