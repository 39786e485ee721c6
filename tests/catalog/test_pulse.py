import asyncio
import secrets
import threading
import time
from typing import Any

import anyio
import psycopg
import pytest

from cloche.catalog import Catalog, connect
from cloche.catalog.leasing import LeasedPulse
from tests.catalog.samples import DEMO, upload

pytestmark = pytest.mark.anyio


async def changed(catalog: Catalog, before: int) -> None:
    """Return when the beat is another one."""
    with anyio.fail_after(60):
        while catalog.pulse.beat() == before:  # noqa: ASYNC110  # no event tells of other processes
            await asyncio.sleep(0)


async def settled_beat(catalog: Catalog) -> int:
    """A beat that is certain, and after which nothing of the past is still on its way."""
    await catalog.ledger.publish(upload("settling", secrets.token_hex(8)))
    await catalog.pulse.settle()
    return await certain_beat(catalog)


async def certain_beat(catalog: Catalog) -> int:
    """A beat of a pulse without doubts: those are negative."""
    with anyio.fail_after(60):
        while (beat := catalog.pulse.beat()) < 0:  # noqa: ASYNC110  # no event tells of it
            await asyncio.sleep(0)
    return beat


def kill_lookers(url: str) -> int:
    """End the connections of all pulses, and say how many there were."""
    with psycopg.connect(url, autocommit=True) as server:
        killed = server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE 'SELECT coalesce%' AND datname = current_database()"
        )
        return len(killed.fetchall())


async def test_beat_is_steady_without_writes(catalog: Catalog) -> None:
    """While nobody writes the beat stays the same, whatever is read."""
    before = await settled_beat(catalog)

    for _ in range(20):
        await catalog.ledger.projects("main")

    assert await certain_beat(catalog) == before


async def test_own_write_changes_the_beat(catalog: Catalog) -> None:
    """A beat after a write and `settle` is another one."""
    before = await settled_beat(catalog)
    await catalog.ledger.publish(upload())

    await catalog.pulse.settle()

    assert catalog.pulse.beat() != before


async def test_settle_makes_others_see(catalog: Catalog, other: Catalog) -> None:
    """When a writer has settled, another worker's first beat is another one."""
    await settled_beat(catalog)
    for number in range(20):
        before = await settled_beat(other)
        await catalog.ledger.publish(upload(version=str(number)))
        await catalog.pulse.settle()
        assert other.pulse.beat() != before
        assert len(await other.ledger.files("main", DEMO)) == number + 1


async def test_settled_write_is_seen_at_once(sqlite: str) -> None:
    """On SQLite, another worker's first beat after a writer's `settle` is another one."""
    writer, reader = connect(sqlite), connect(sqlite)
    for number in range(50):
        before = reader.pulse.beat()
        await writer.ledger.publish(upload(version=str(number)))
        reader.pulse.beat()
        await writer.pulse.settle()
        assert reader.pulse.beat() != before
    await writer.close()
    await reader.close()


async def test_own_write_needs_no_settling(sqlite: str) -> None:
    """On SQLite, a process's own write shows in its very next beat."""
    catalog = connect(sqlite)
    for number in range(50):
        before = catalog.pulse.beat()
        await catalog.ledger.publish(upload(version=str(number)))
        assert catalog.pulse.beat() != before
    await catalog.close()


async def test_failed_write_needs_no_settling(catalog: Catalog) -> None:
    """A write that failed keeps nobody waiting in `settle`."""
    await settled_beat(catalog)
    with pytest.raises(ZeroDivisionError), catalog.database.writing():
        _ = 1 / 0

    with anyio.fail_after(20):
        await catalog.pulse.settle()


async def test_beat_is_cheap(catalog: Catalog) -> None:
    """A beat costs microseconds, for every request asks for one."""
    await settled_beat(catalog)
    began = time.thread_time()

    for _ in range(50_000):
        catalog.pulse.beat()

    assert time.thread_time() - began < 1  # 20 µs each, of this thread alone


async def test_lost_connection_comes_back(postgres_url: str) -> None:
    """A pulse that lost its connection makes another."""
    catalog = connect(postgres_url)
    before = await settled_beat(catalog)

    assert kill_lookers(postgres_url) == 1

    assert await certain_beat(catalog) == before
    await catalog.ledger.publish(upload())
    await catalog.pulse.settle()
    assert await certain_beat(catalog) > before
    await catalog.close()


def test_blind_pulse_never_repeats_itself() -> None:
    """While the database cannot be asked, no two beats are the same: nothing kept is believed."""

    def nobody() -> Any:
        raise psycopg.OperationalError

    blind = LeasedPulse(nobody)

    assert len({blind.beat() for _ in range(1000)}) == 1000
    blind.close()


async def test_close_ends_all_threads(url: str) -> None:
    """A closed catalog leaves no thread behind, and closing is prompt."""
    catalog = connect(url)
    await settled_beat(catalog)
    await catalog.ledger.projects("main")
    assert [t.name for t in threading.enumerate() if t.name.startswith("catalog-")]

    with anyio.fail_after(20):
        await catalog.close()

    assert not [t.name for t in threading.enumerate() if t.name.startswith("catalog-")]
