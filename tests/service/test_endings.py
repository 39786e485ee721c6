"""Noting until when rulings hold, behind those who look at pages."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from cloche.core.errors import StorageDown
from cloche.core.model import ProjectName
from cloche.core.policy import FOREVER
from cloche.service.endings import AT_ONCE, MOST, Ends
from tests.catalog.samples import DEMO, HOUR, NOON

pytestmark = pytest.mark.anyio


@dataclass
class FakeEndings:
    known: dict[tuple[str, ProjectName], datetime] = field(default_factory=dict)
    due: int = 0
    down: bool = False

    async def note(self, ends: Mapping[tuple[str, ProjectName], datetime]) -> None:
        if self.down:
            raise StorageDown("the database is away")
        self.known |= ends

    async def tell(self, now: datetime, most: int) -> int:  # noqa: ARG002 - the port's signature
        count = min(most, self.due)
        self.due -= count
        return count


@pytest.fixture
def endings() -> FakeEndings:
    return FakeEndings()


@pytest.fixture
def ends(endings: FakeEndings) -> Ends:
    return Ends(endings, lambda: NOON)


async def test_the_soonest_is_noted(ends: Ends, endings: FakeEndings) -> None:
    """Of several looks at a page the soonest end counts; what never ends is not noted."""
    for until in (FOREVER, NOON + 2 * HOUR, NOON + HOUR, NOON + 3 * HOUR, FOREVER):
        ends.note("main", DEMO, until)
    ends.note("main", ProjectName("other"), FOREVER)

    await ends.look()

    assert endings.known == {("main", DEMO): NOON + HOUR}


async def test_a_database_that_is_away(ends: Ends, endings: FakeEndings) -> None:
    """What could not be written down is, once it can."""
    endings.down = True
    ends.note("main", DEMO, NOON)
    await ends.look()

    endings.down = False
    await ends.look()

    assert endings.known == {("main", DEMO): NOON}


async def test_bounded(ends: Ends, endings: FakeEndings) -> None:
    """So many wait and no more; all that is due is journaled, however much."""
    endings.due = 3 * AT_ONCE + 1
    for number in range(MOST + 1):
        ends.note("main", ProjectName(f"demo-{number}"), NOON)

    await ends.look()

    assert len(endings.known) == MOST
    assert endings.due == 0


async def test_at_the_end(ends: Ends, endings: FakeEndings) -> None:
    """A server that stops writes down what it has noted."""
    keeping = asyncio.create_task(ends.keep())
    await asyncio.sleep(0)
    ends.note("main", DEMO, NOON)

    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)

    assert endings.known == {("main", DEMO): NOON}
