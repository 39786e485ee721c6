import os
import sqlite3
from pathlib import Path

import anyio
import psycopg
import pytest
from sqlalchemy import event, make_url

from cloche.catalog import Catalog, connect
from cloche.core.errors import BadSetting, Error, StorageFull
from tests.catalog.samples import DEMO, entries, kept, upload
from tests.ports import free_port

pytestmark = pytest.mark.anyio

_FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON documents EXECUTE FUNCTION full_disk();
"""


def fill_disk(catalog: Catalog) -> None:
    """Let the database say what it says when its disk is full."""
    if catalog.database.engine.dialect.name == "postgresql":
        with catalog.database.writing() as connection:
            connection.exec_driver_sql(_FULL)
        return

    def no_more_pages(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # SQLite makes it what there is now

    event.listen(catalog.database.engine, "checkout", no_more_pages)


async def test_full_disk(catalog: Catalog) -> None:
    """A full disk is StorageFull, keeps nothing, and does not keep anybody from reading."""
    fill_disk(catalog)

    with pytest.raises(StorageFull, match="full; ask its operator to make room"):
        await catalog.pages.keep("pypi", DEMO, kept(os.urandom(1_000_000)))

    assert await catalog.pages.recall("pypi", DEMO) is None
    assert entries(catalog) == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "secret",
        "mysql://user:secret@host/db",
        "user:secret@host",
        "sqlite://",
        "sqlite://host/path.db",
        "sqlite:///:memory:",
        "sqlite:////tmp/x.db?mode=secret",
        "sqlite:////no/such/folder/catalog.db",
        "postgresql://",
        "postgresql://user:secret@host",
        "postgresql://user:secret@host:port/db",
        "postgresql://user:sec/ret@host:5432x/db",
        "postgresql://user:secret@127.0.0.1:1/db?nonsense=1",
    ],
)
def test_bad_address(url: str) -> None:
    """An address that cannot be used gets one sentence of cause and cure, without secrets."""
    with pytest.raises(BadSetting) as caught:
        connect(url)

    assert "secret" not in caught.value.detail
    assert "\n" not in caught.value.detail
    assert len(caught.value.detail) < 300


def test_unreachable_server() -> None:
    """A server that cannot be reached is named, without the password in its address."""
    port = free_port()

    with pytest.raises(BadSetting, match=f"127.0.0.1:{port}/db.*check that PostgreSQL") as caught:
        connect(f"postgresql://user:secret@127.0.0.1:{port}/db")

    assert "secret" not in caught.value.detail


def test_stranger_is_refused(postgres_url: str) -> None:
    """A user whom PostgreSQL does not let in is told so, without the password."""
    url = make_url(postgres_url).set(username="nobody_here", password="secret")  # noqa: S106  # made up

    with pytest.raises(BadSetting, match="lets this user in") as caught:
        connect(url.render_as_string(hide_password=False))

    assert "secret" not in caught.value.detail


def test_file_of_another_kind(tmp_path: Path) -> None:
    """A file that is no database is refused, and left as it is."""
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes\n" * 100)

    with pytest.raises(BadSetting, match="no SQLite database"):
        connect(f"sqlite:///{path}")

    assert path.read_text() == "these are my notes\n" * 100


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    """A path that cannot be opened is refused with the permissions as a hint."""
    with pytest.raises(BadSetting, match="path and its permissions"):
        connect(f"sqlite:///{tmp_path}")


async def test_lost_database_is_an_error_with_a_cure(postgres_url: str) -> None:
    """A database that is lost while cloche runs is an Error that says what to check."""
    catalog, url = connect(postgres_url), make_url(postgres_url)
    elsewhere = url.set(database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(elsewhere, autocommit=True) as server:
        server.execute(f"ALTER DATABASE {url.database} WITH ALLOW_CONNECTIONS false")
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [url.database],
        )

    with pytest.raises(Error, match=r"cannot be used.*check that PostgreSQL"):
        await catalog.upkeep.check()
    await catalog.close()


async def test_restarted_server_costs_no_error(postgres_url: str) -> None:
    """Connections that were lost while nobody used them are replaced without an error."""
    catalog = connect(postgres_url)
    await catalog.ledger.publish(upload())
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    assert await catalog.ledger.files("main", DEMO) == [upload()]
    await catalog.close()


async def test_locked_database_is_an_error_with_a_cure(
    sqlite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that another program keeps out for long fails with a sentence, and keeps nothing."""
    monkeypatch.setattr("cloche.catalog.engine.PATIENCE", 0.2)
    catalog = connect(sqlite)
    intruder = sqlite3.connect(sqlite.removeprefix("sqlite:///"), isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")

    with pytest.raises(Error, match="locked by another program"), anyio.fail_after(8):
        await catalog.ledger.publish(upload())

    intruder.close()
    assert entries(catalog) == []
    assert await catalog.ledger.publish(upload())
    await catalog.close()
