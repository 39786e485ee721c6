import sqlite3
import time
from pathlib import Path

import pytest
from sqlalchemy.exc import StatementError

from cloche.catalog import Catalog, connect
from tests.catalog.samples import NOON, upload

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("foreign_keys", 1),
        ("busy_timeout", 10_000),
    ],
)
async def test_sqlite_is_safe(sqlite: str, pragma: str, value: str | int) -> None:
    """Every connection to SQLite has the settings that an acknowledged upload relies on."""
    catalog = connect(sqlite)
    with (
        catalog.database.reading() as one,
        catalog.database.reading() as two,
        catalog.database.writing() as three,
    ):
        for connection in (one, two, three):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
    await catalog.close()


@pytest.mark.parametrize(("lasting", "synchronous"), [(True, 2), (False, 1)])
async def test_only_what_is_cached_may_be_lost_with_the_power(
    sqlite: str, *, lasting: bool, synchronous: int
) -> None:
    """An acknowledged commit reaches the disk (FULL); one of cached facts may wait (NORMAL)."""
    catalog = connect(sqlite)
    for _ in range(2):  # the connection is used again, and so set again
        with catalog.database.writing(lasting=lasting) as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == synchronous
        with catalog.database.writing(lasting=not lasting):
            pass
    await catalog.close()


async def test_switching_to_wal_waits_for_its_turn(
    sqlite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new database in which another program is just writing is opened when that one is done."""
    intruder = sqlite3.connect(sqlite.removeprefix("sqlite:///"), isolation_level=None)
    intruder.execute("CREATE TABLE theirs (x)")
    intruder.execute("BEGIN IMMEDIATE")
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        intruder.rollback()

    monkeypatch.setattr(time, "sleep", pause)
    await connect(sqlite).close()

    intruder.close()
    assert len(pauses) == 1


async def test_moment_without_a_zone_is_refused(catalog: Catalog) -> None:
    """A time that does not say its zone is an error, not a guess."""
    with pytest.raises(StatementError):
        await catalog.ledger.publish(upload(uploaded_at=NOON.replace(tzinfo=None)))


async def test_closing_twice_is_harmless(url: str) -> None:
    """A catalog can be closed again."""
    catalog = connect(url)
    await catalog.ledger.publish(upload())

    await catalog.close()
    await catalog.close()


async def test_closed_sqlite_leaves_one_file(sqlite: str) -> None:
    """A closed SQLite catalog is one file and its access journal another, to be copied as is."""
    catalog = connect(sqlite)
    catalog.pulse.beat()
    await catalog.ledger.publish(upload())

    await catalog.close()

    folder = Path(sqlite.removeprefix("sqlite:///")).parent
    assert {path.name for path in folder.iterdir()} == {"catalog.db", "catalog-access.db"}
