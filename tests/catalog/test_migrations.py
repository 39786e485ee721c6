import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, delete, insert, select, text, update

from cloche.catalog import connect
from cloche.catalog.address import parse
from cloche.catalog.revisions import MIGRATIONS, upgrade
from cloche.catalog.schema import REVISION, metadata, version
from cloche.core.errors import BadSetting
from tests.catalog.processes import open_and_close, together
from tests.catalog.samples import upload

pytestmark = pytest.mark.anyio


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """The database as any other program opens it."""
    opened = create_engine(parse(url))
    yield opened
    opened.dispose()


def differences(engine: Engine) -> list[object]:
    """What sets a database apart from the tables in `schema`."""
    options = {"version_table": version.name, "compare_server_default": True}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata))


def test_revision_is_the_newest() -> None:
    """The revision that the schema names is the newest one that Alembic finds."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


def test_migrations_lead_to_the_schema(engine: Engine) -> None:
    """All migrations, run on an empty database, make exactly the tables of the schema."""
    with engine.begin() as connection:
        upgrade(connection)

    assert differences(engine) == []
    with engine.connect() as connection:
        assert connection.execute(select(version.c.version_num)).scalar() == REVISION


def test_migrations_and_models_write_the_same_sql(tmp_path: Path) -> None:
    """On SQLite, migrations leave the very tables and indexes that the models make."""

    def tables(name: str) -> Iterator[tuple[str, str]]:
        engine = create_engine(f"sqlite:///{tmp_path}/{name}.db")
        with engine.begin() as connection:
            upgrade(connection) if name == "migrated" else metadata.create_all(connection)
            query = text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
            for table, sql in connection.execute(query):
                yield table, " ".join(sorted(sql.replace(",", " ").split()))
        engine.dispose()

    def but_alembics(found: Iterator[tuple[str, str]]) -> dict[str, str]:
        return {table: sql for table, sql in found if table != version.name}

    assert but_alembics(tables("migrated")) == but_alembics(tables("made"))


async def test_new_database_has_the_schema(url: str, engine: Engine) -> None:
    """A new database has exactly the tables of the schema, and needs no migration."""
    await connect(url).close()

    assert differences(engine) == []
    await connect(url, migrate=False).close()


async def test_unfinished_database_is_migrated(url: str, engine: Engine) -> None:
    """A database with no revision yet is migrated from the very first one."""
    with engine.begin() as connection:
        version.create(connection)

    catalog = connect(url)
    assert await catalog.ledger.publish(upload())
    await catalog.close()

    assert differences(engine) == []


async def test_migrating_keeps_what_was_there(url: str) -> None:
    """Opening a database again finds what was written before."""
    catalog = connect(url)
    await catalog.ledger.publish(upload())
    await catalog.close()

    again = connect(url)
    assert await again.ledger.files("main", upload().project) == [upload()]
    await again.close()


async def test_newer_database_is_refused(url: str, engine: Engine) -> None:
    """A database that a newer cloche wrote is refused with these words, and left alone."""
    await connect(url).close()
    with engine.begin() as connection:
        connection.execute(update(version), {"version_num": "9999"})

    with pytest.raises(BadSetting, match="written by a newer cloche; install the newest"):
        connect(url)

    with engine.connect() as connection:
        assert connection.execute(select(version.c.version_num)).scalar() == "9999"


def test_migrating_can_be_forbidden(url: str, engine: Engine) -> None:
    """Without `migrate` a database of another revision is refused."""
    with pytest.raises(BadSetting, match="cloche serve"):
        connect(url, migrate=False)

    with engine.connect() as connection:
        assert not engine.dialect.has_table(connection, "journal")


async def test_processes_open_a_new_database_at_once(url: str, engine: Engine) -> None:
    """Four processes that open one new database at the same instant all succeed."""
    opened = await anyio.to_thread.run_sync(together, open_and_close, url, 4)

    assert sorted(opened) == [0, 1, 2, 3]
    assert differences(engine) == []


async def test_processes_migrate_one_database_at_once(url: str, engine: Engine) -> None:
    """Four processes that migrate one old database at the same instant all succeed."""
    with engine.begin() as connection:
        version.create(connection)

    opened = await anyio.to_thread.run_sync(together, open_and_close, url, 4)

    assert sorted(opened) == [0, 1, 2, 3]
    with engine.connect() as connection:
        assert connection.execute(select(version.c.version_num)).scalars().all() == [REVISION]


async def test_another_programs_tables_are_refused(url: str, engine: Engine) -> None:
    """A database in which another program's tables are in the way is refused and left alone."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE uploads (theirs INTEGER)"))
        connection.execute(text("INSERT INTO uploads VALUES (1)"))

    with pytest.raises(BadSetting, match="a database of its own"):
        connect(url)

    with engine.connect() as connection:
        assert connection.execute(text("SELECT theirs FROM uploads")).scalars().all() == [1]
        assert not engine.dialect.has_table(connection, "journal")


def test_alembic_is_not_imported_to_start(sqlite: str) -> None:
    """Neither a new database nor a current one costs the time that importing Alembic takes."""
    program = (
        "import asyncio, sys; from cloche.catalog import connect;"
        f"asyncio.run(connect({sqlite!r}).close());"
        "sys.exit('alembic' in sys.modules or 'psycopg' in sys.modules)"
    )
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


async def test_empty_revision_is_repaired(url: str, engine: Engine) -> None:
    """A failed migration leaves the database as it was, so that the next start can migrate."""
    await connect(url).close()
    with engine.begin() as connection:
        connection.execute(delete(version))  # now the first migration meets its own tables

    with pytest.raises(BadSetting):
        connect(url)

    with engine.begin() as connection:
        assert connection.execute(select(version)).all() == []
        connection.execute(insert(version), {"version_num": REVISION})
    await connect(url).close()
