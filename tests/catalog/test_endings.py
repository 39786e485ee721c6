"""When rulings end: noted for each page, journaled once."""

from datetime import timedelta

import pytest

from cloche.catalog import Catalog
from cloche.core.journal import Change
from tests.catalog.samples import DEMO, HOUR, NOON, entries

pytestmark = pytest.mark.anyio

PLACE = ("main", DEMO)


async def told(catalog: Catalog, after: timedelta) -> list[str]:
    """What is journaled at so long after noon."""
    before = len(entries(catalog))
    count = await catalog.endings.tell(NOON + after, 10)
    new = entries(catalog)[before:]
    assert len(new) == count
    assert all(each["action"] == Change.RULING_ENDED and each["place"] == "main" for each in new)
    return [each["project"] for each in new]


async def test_an_end_is_journaled_once(catalog: Catalog, other: Catalog) -> None:
    """When it has come and not before, whoever looks."""
    await catalog.endings.note({PLACE: NOON + HOUR})

    assert await told(catalog, HOUR - timedelta(microseconds=1)) == []
    assert await told(other, HOUR) == ["demo"]
    assert await told(catalog, HOUR) == []


async def test_the_soonest_counts(catalog: Catalog, other: Catalog) -> None:
    """A later end is not forgotten what came before it: it is noted when the page is looked at."""
    await catalog.endings.note({PLACE: NOON + 2 * HOUR})
    await other.endings.note({PLACE: NOON + HOUR})
    await catalog.endings.note({PLACE: NOON + 3 * HOUR})

    assert await told(catalog, 2 * HOUR) == ["demo"]
    assert await told(catalog, 3 * HOUR) == []
    await catalog.endings.note({PLACE: NOON + 3 * HOUR})
    assert await told(catalog, 3 * HOUR) == ["demo"]


async def test_some_at_a_time(catalog: Catalog) -> None:
    """Those that ended first come first, and the rest the next time."""
    names = [f"demo-{number:02}" for number in range(15)]
    later = enumerate(reversed(names))
    ends = {("main", type(DEMO)(name)): NOON - HOUR * count for count, name in later}
    await catalog.endings.note(ends)

    assert await told(catalog, HOUR) == names[:10]
    assert await told(catalog, HOUR) == names[10:]
