"""A database's own errors, told as causes and cures."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from cloche.catalog.address import shown
from cloche.core.errors import Error, StorageDown, StorageFull

_BUSY = "has been locked by another program for 10 seconds; end that program"
_CLOSED = "cannot be opened for writing; check its path and its permissions"
_DAMAGED = "is damaged or is no SQLite database; restore it from a backup"

_SQLITE = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_CANTOPEN: _CLOSED,
    sqlite3.SQLITE_PERM: _CLOSED,
    sqlite3.SQLITE_READONLY: _CLOSED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_IOERR: "cannot be read or written; check its disk",
}

_DISK_FULL = "53100"


@contextmanager
def told(url: URL) -> Iterator[None]:
    """Raise StorageFull or StorageDown in place of errors that an operator can cure."""
    try:
        yield
    except DBAPIError as failure:
        cure = _explain(failure, url)
        if cure is None:
            raise
        raise cure from failure


def of_sqlite(cause: sqlite3.Error, url: URL) -> Error | None:
    """The sentence for an error of SQLite's, or None when the error is the program's own."""
    code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return _full(url)
    return StorageDown(f"the database {shown(url)} {_SQLITE[code]}") if code in _SQLITE else None


def said(failure: SQLAlchemyError, url: URL) -> str:
    """The first line of a database's own words, without the password."""
    cause = failure.orig if isinstance(failure, DBAPIError) else failure
    words = str(cause).strip().partition("\n")[0]
    return words.replace(str(url.password), "***") if url.password else words


def _explain(failure: DBAPIError, url: URL) -> Error | None:
    if isinstance(failure.orig, sqlite3.Error):
        return of_sqlite(failure.orig, url)
    if getattr(failure.orig, "sqlstate", None) == _DISK_FULL:
        return _full(url)
    if isinstance(failure, OperationalError | InterfaceError):
        return StorageDown(
            f"the database {shown(url)} cannot be used, it says {said(failure, url)!r}; "
            "check that PostgreSQL runs there and lets this user in"
        )
    return None


def _full(url: URL) -> StorageFull:
    # Clients read this sentence: where the database lies is not for them.
    kind = "SQLite" if url.get_backend_name() == "sqlite" else "PostgreSQL"
    return StorageFull(
        f"the disk of the server's {kind} database is full; ask its operator to make room"
    )
