"""Look-ups in SQLite where the loop runs: they wait for nobody, and find what a thread would."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Column, MetaData, Table, Text, bindparam, select

from cloche.catalog import Catalog, connect
from cloche.catalog.glances import Glances, Look
from cloche.catalog.ledger import FEW
from cloche.catalog.schema import Instant
from cloche.core.model import ProjectName
from tests.catalog.samples import upload

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC)
THINGS = Table("things", MetaData(), Column("name", Text), Column("at", Instant))
LOOK = Look(select(THINGS).where(THINGS.c.name == bindparam("asked"), THINGS.c.name != "never"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database that is no write-ahead log: there a writer keeps readers out."""
    place = tmp_path / "things.db"
    with sqlite3.connect(place) as connection:
        connection.execute("CREATE TABLE things (name TEXT, at INTEGER)")
        at = int(NOW.timestamp()) * 1_000_000 + 1
        connection.execute("INSERT INTO things VALUES ('a', ?), ('b', NULL)", [at])
    connection.close()
    return place


def test_a_look_has_the_types_of_its_columns(path: Path) -> None:
    """What is found is what SQLAlchemy would answer."""
    glances = Glances(str(path))

    assert glances.rows(LOOK, {"asked": "a"}) == [{"name": "a", "at": NOW}]
    assert glances.rows(LOOK, {"asked": "b"}) == [{"name": "b", "at": None}]
    assert glances.rows(LOOK, {"asked": "c"}) == []
    glances.close()


def test_a_lock_is_not_waited_for(path: Path) -> None:
    """Where it would have to wait, or fails, it finds out nothing, and a thread has to look."""
    glances = Glances(str(path))
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")

    assert glances.rows(LOOK, {"asked": "a"}) is None
    writer.execute("DROP TABLE things")
    writer.execute("COMMIT")
    assert glances.rows(LOOK, {"asked": "a"}) is None
    writer.close()
    glances.close()


async def test_a_thread_finds_the_same(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks, what an index has, and what has changed, is the same."""
    await catalog.ledger.publish(upload("demo"))
    names = [ProjectName("demo"), ProjectName("other")]
    found = [await catalog.ledger.own("main", name) for name in names]
    changes = await catalog.ledger.changes(0)

    monkeypatch.setattr(Glances, "rows", lambda *_: None)

    assert [await catalog.ledger.own("main", name) for name in names] == found
    assert await catalog.ledger.changes(0) == changes
    assert changes.named == {("main", "demo"): changes.serial}


async def test_many_changes_are_left_to_a_thread(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes long does not keep the loop from its other work."""
    await catalog.ledger.publish(upload("demo"))
    asked: list[Look] = []
    rows = Glances.rows

    def watched(self: Glances, look: Look, values: dict[str, object]) -> object:
        asked.append(look)
        return rows(self, look, values)

    monkeypatch.setattr(Glances, "rows", watched)

    assert (await catalog.ledger.changes(-FEW)).named
    assert len(asked) <= 1


async def test_what_was_never_opened_is_closed(tmp_path: Path) -> None:
    """A catalog in which nobody has looked has nothing to close."""
    catalog = connect(f"sqlite:///{tmp_path}/catalog.db")
    await catalog.close()
