"""When a server syncs by itself."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cloche.catalog import Catalog, connect
from cloche.core.mirrors import Choice
from cloche.core.plan import Plan
from cloche.ports import Mirroring
from cloche.service.scheduled import Schedule
from cloche.service.sync import Sync
from tests.catalog.samples import HOUR, NOON

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)
PLAN = Plan(
    upstream="pypi",
    mode="all",
    choice=Choice(()),
    gone="keep",
    indexes=("main",),
    policy="",
    jobs=1,
)


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[Catalog]:
    opened = connect(f"sqlite:///{tmp_path}/catalog.db")
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    ("listed_at", "complete_at", "due"),
    [
        (None, None, NOON - DAY),
        (NOON - HOUR, NOON - HOUR / 2, NOON - HOUR + DAY),
        (NOON - HOUR, None, NOON - HOUR),
        (NOON - HOUR, NOON - DAY, NOON - HOUR),
    ],
    ids=["never", "came to its end", "the first did not", "the last did not"],
)
async def test_when_it_is_due(
    catalog: Catalog, listed_at: datetime | None, complete_at: datetime | None, due: datetime
) -> None:
    """A day after the last run began, but at once if it did not come to its end."""
    state = Mirroring(listed_at=listed_at, complete_at=complete_at)
    await catalog.mirrors.record("pypi", state)

    assert await Schedule(PLAN, DAY, unasked, catalog.mirrors, lambda: NOON).due() == due


def unasked(plan: Plan) -> Sync:
    raise AssertionError(f"{plan} is not to be done here")
