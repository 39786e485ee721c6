"""Bringing a database to the schema that this program knows. Users never run anything."""

from pathlib import Path

from sqlalchemy import Connection, Engine, func, insert, inspect, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError, ProgrammingError

from cloche.catalog.address import shown
from cloche.catalog.engine import BEGIN, is_sqlite
from cloche.catalog.failures import said, told
from cloche.catalog.schema import REVISION, metadata, version
from cloche.core.errors import BadSetting

MIGRATIONS = Path(__file__).with_name("migrations")

_MIGRATE_TURN = 0x636C6F636866  # another number than the writers' turn


def prepare(engine: Engine, *, migrate: bool) -> None:
    """Leave the database at REVISION, whoever else does the same at this instant.

    Raise BadSetting when that cannot be, or may not be because `migrate` is false.
    """
    with told(engine.url), engine.begin() as connection:
        found = stored(connection)
    if found == REVISION:
        return
    if not migrate:
        raise BadSetting(
            f"the database {shown(engine.url)} is not the one that this cloche needs "
            f"(revision {found}, not {REVISION}); start the newest `cloche serve` on it once"
        )
    with told(engine.url), engine.execution_options(**{BEGIN: "BEGIN IMMEDIATE"}).begin() as alone:
        _take_turn(alone)
        _advance(alone, engine.url)


def stored(connection: Connection) -> str | None:
    """The revision that the database says it has; "" before the first, None without any table."""
    if not inspect(connection).has_table(version.name):
        return None
    return connection.execute(select(version.c.version_num)).scalar() or ""


def _take_turn(connection: Connection) -> None:
    if not is_sqlite(connection.engine):
        connection.execute(text("SET LOCAL lock_timeout = 0"))  # another's migration takes its time
        connection.execute(select(func.pg_advisory_xact_lock(_MIGRATE_TURN)))


def _advance(connection: Connection, url: URL) -> None:
    found = stored(connection)  # again: another process may have been faster
    try:
        if found is None:
            _create(connection)
        elif found != REVISION:
            upgrade(connection)
    except (ProgrammingError, OperationalError) as failure:
        raise BadSetting(
            f"the database {shown(url)} does not take cloche's tables, it says "
            f"{said(failure, url)!r}; give cloche a database of its own, in which its user "
            "may create tables"
        ) from failure


def _create(connection: Connection) -> None:
    """Make the tables of a new database, without the 0.35 s that importing Alembic takes."""
    metadata.create_all(connection, checkfirst=False)
    connection.execute(insert(version), {"version_num": REVISION})


def upgrade(connection: Connection) -> None:
    """Run the migrations that the database lacks, in the caller's transaction."""
    from alembic import command  # noqa: PLC0415  # 0.35 s, needed once in a database's release
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as unknown:
        raise BadSetting(
            f"the database {shown(connection.engine.url)} was written by a newer cloche; "
            "install the newest cloche, or restore the backup made before the update"
        ) from unknown
