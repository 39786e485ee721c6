"""Mirrors at rest, read and noted without SQLAlchemy: the same as is read and noted with it."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from cloche.catalog import Catalog, connect
from cloche.catalog.resting import Rest, Resting
from cloche.core.mirrors import Mirrored, State
from cloche.core.model import ProjectName
from cloche.ports import Failure, Mirroring, Settled
from tests.catalog.samples import DEMO, HOUR, NOON, upload

pytestmark = pytest.mark.anyio

LATER = NOON + HOUR
MIRROR = Mirroring(
    etag='"e"',
    serial=7,
    projects=3,
    policy="p",
    listed_at=NOON,
    complete_serial=5,
    complete_at=NOON,
)
ROW = Mirrored(
    project=DEMO, state=State.HELD, listed=3, files=2, size=10, due_at=LATER + HOUR, seen=3
)
Do = Callable[[Catalog], Awaitable[object]]


@pytest.fixture
async def stored(sqlite: str) -> AsyncIterator[Catalog]:
    """With a mirror that rests: a project is held, one is gone."""
    opened = connect(sqlite)
    gone = Mirrored(project=ProjectName("gone"), state=State.GONE, listed=2)
    await settled(opened, ROW)
    await settled(opened, gone)
    await opened.mirrors.record("pypi", MIRROR)
    yield opened
    await opened.close()


@pytest.fixture
def resting(stored: Catalog) -> Resting:
    return Resting(Path(str(stored.database.engine.url.database)))


async def settled(stored: Catalog, row: Mirrored, *failures: Failure) -> None:
    found = await stored.mirrors.compare("pypi", {row.project: row.listed}, ())
    await stored.mirrors.mark("pypi", [each for each in found if each.project == row.project], NOON)
    done = Settled(project=row.project, row=row, failures=failures)
    await stored.mirrors.settle("pypi", done)


def found(resting: Resting) -> Rest | None:
    return resting.find("pypi", {"main"}, LATER)


async def test_read_as_with_sqlalchemy(stored: Catalog, resting: Resting) -> None:
    """What is found of a mirror is what the catalog says of it."""
    rest = found(resting)

    assert rest is not None
    assert rest.mirroring == await stored.mirrors.find("pypi") == MIRROR
    assert rest.standing == await stored.standings.standing("pypi")
    assert (rest.standing.held, rest.standing.gone, rest.standing.size) == (1, 1, 10)
    assert rest.journal == (await stored.ledger.changes(0)).serial


async def test_noted_as_with_sqlalchemy(stored: Catalog, resting: Resting) -> None:
    """What is noted is what the catalog then finds; all else stays as it was."""
    await stored.ledger.publish(upload(index="elsewhere"), {})
    rest = found(resting)
    assert rest is not None
    noted = resting.note("pypi", {"main"}, rest, LATER, LATER + HOUR / 2)

    serial = (await stored.ledger.changes(0)).serial
    assert serial > 0
    expected = replace(
        MIRROR, journal=serial, listed_at=LATER, complete_serial=7, complete_at=LATER + HOUR / 2
    )
    assert await stored.mirrors.find("pypi") == expected
    assert noted == Rest(expected, rest.standing, serial)


async def published(stored: Catalog) -> None:
    await stored.ledger.publish(upload(), {})


async def failed(stored: Catalog) -> None:
    await settled(stored, replace(ROW, state=State.FAILED, lacking=1))


async def lacking(stored: Catalog) -> None:
    why = Failure(project=DEMO, filename="demo-1.0.zip", cause="down", at=NOON)
    await settled(stored, ROW, why)


async def listed(stored: Catalog) -> None:
    await stored.mirrors.mark("pypi", await stored.mirrors.compare("pypi", {DEMO: 4}, ()), NOON)


async def due(stored: Catalog) -> None:
    await settled(stored, replace(ROW, due_at=LATER))


async def chosen_otherwise(stored: Catalog) -> None:
    await stored.mirrors.record("pypi", replace(MIRROR, until=LATER))


async def never_complete(stored: Catalog) -> None:
    await stored.mirrors.record("pypi", replace(MIRROR, complete_at=None))


async def other_schema(stored: Catalog) -> None:
    with stored.database.writing() as connection:
        connection.exec_driver_sql("UPDATE cloche_version SET version_num = '0001'")


NEWS = (published, failed, lacking, listed, due, chosen_otherwise, never_complete, other_schema)


@pytest.mark.parametrize("news", NEWS, ids=lambda each: each.__name__)
async def test_not_at_rest(stored: Catalog, resting: Resting, news: Do) -> None:
    """Where anything may be to do, a mirror does not rest, and nothing is noted that was found."""
    rest = found(resting)
    assert rest is not None
    await news(stored)
    before = await stored.mirrors.find("pypi")

    assert found(resting) is None
    assert resting.note("pypi", {"main"}, rest, LATER, LATER) is None
    assert await stored.mirrors.find("pypi") == before


async def test_somebody_writes(stored: Catalog, resting: Resting) -> None:
    """Nobody is waited for: while somebody writes, a mirror is read, and nothing is noted."""
    with stored.database.writing():
        rest = found(resting)
        assert rest is not None
        assert resting.note("pypi", {"main"}, rest, LATER, LATER) is None

    assert await stored.mirrors.find("pypi") == MIRROR


async def test_no_database(tmp_path: Path) -> None:
    """Where there is none, or another's, nothing rests, and nothing is made."""
    assert Resting(tmp_path / "none.db").find("pypi", {"main"}, NOON) is None
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE things (name TEXT)")
    assert Resting(tmp_path / "other.db").find("pypi", {"main"}, NOON) is None
    assert {each.name for each in tmp_path.iterdir()} == {"other.db"}
