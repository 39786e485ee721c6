"""What is done now and then, by whichever process is first."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cloche.catalog import Catalog, connect
from cloche.core.errors import StorageDown
from cloche.service.recurring import Recurring
from tests.catalog.samples import HOUR, NOON

pytestmark = pytest.mark.anyio


@dataclass
class Chore:
    """Something to do; it fails as often as it is to."""

    fails: int = 0
    done: int = 0
    often: asyncio.Event = field(default_factory=asyncio.Event)

    async def do(self) -> None:
        if self.fails:
            self.fails -= 1
            raise StorageDown("the database is away")
        self.done += 1
        self.often.set()


@dataclass
class Time:
    now: datetime = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[Catalog]:
    opened = connect(f"sqlite:///{tmp_path}/catalog.db")
    yield opened
    await opened.close()


async def test_once_in_each_interval(catalog: Catalog) -> None:
    """Of all processes one does it, and no process does it twice, not even the same."""
    chore, clock = Chore(), Time()
    first, second = (Recurring("it", HOUR, chore.do, catalog.leases, clock) for _ in range(2))
    other = Recurring("another", HOUR, chore.do, catalog.leases, clock)

    assert [await each.look() for each in (first, second, first)] == [True, False, False]
    assert await other.look()
    clock.now += HOUR
    assert [await each.look() for each in (second, first)] == [True, False]
    assert chore.done == 3


async def test_what_fails_is_done_the_next_time(catalog: Catalog) -> None:
    """A chore that cannot be done ends nothing: its next turn comes."""
    chore, clock = Chore(fails=2), Time()
    often = timedelta(microseconds=1)

    running = asyncio.create_task(Recurring("it", often, chore.do, catalog.leases, clock).run())
    await asyncio.wait_for(chore.often.wait(), 60)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert (chore.fails, chore.done > 0) == (0, True)
