"""A database's address, parsed once. What is shown of it never holds a password."""

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from cloche.core.errors import BadSetting

_FORMS = "write sqlite:////folder/file.db or postgresql://user:password@host/name"


def parse(raw: str) -> URL:
    """Raise BadSetting for anything but a file of SQLite's or a database of PostgreSQL's."""
    scheme = raw.partition("://")[0]
    match scheme:
        case "sqlite":
            return _sqlite(_url(raw))
        case "postgresql" | "postgresql+psycopg":
            return _postgresql(_url(raw))
    # Only a scheme is repeated: what follows may be a password.
    found = f"{scheme!r} is not" if "://" in raw and scheme.isidentifier() else "this is not"
    raise BadSetting(f"the database's address is malformed, {found} a kind of database: {_FORMS}")


def shown(url: URL) -> str:
    """The address for people. A query may hold a password too, so it stays out."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.set(drivername="postgresql", password=None, query={}).render_as_string()


def _url(raw: str) -> URL:
    try:
        return make_url(raw)
    except (ArgumentError, ValueError):
        raise BadSetting(f"the database's address cannot be parsed: {_FORMS}") from None


def _sqlite(url: URL) -> URL:
    if url.host or url.query or url.username:
        raise BadSetting(f"an SQLite address holds a path and nothing else: {_FORMS}")
    if not url.database or url.database == ":memory:":
        # Every worker, and every connection, would have a database of its own.
        raise BadSetting(f"an SQLite address needs the path of a file: {_FORMS}")
    path = Path(url.database).absolute()
    if not path.parent.is_dir():
        raise BadSetting(f"the database's folder {path.parent} does not exist; make it first")
    return url.set(database=str(path))


def _postgresql(url: URL) -> URL:
    if not url.database:
        raise BadSetting(f"a PostgreSQL address needs the name of a database: {_FORMS}")
    return url.set(drivername="postgresql+psycopg")
