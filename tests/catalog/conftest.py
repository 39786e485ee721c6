"""Every test of the catalog runs on SQLite and on PostgreSQL, on a database of its own."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cloche.catalog import Catalog, connect


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/catalog.db"


@pytest.fixture(params=["sqlite", "postgres_url"], ids=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The address of an empty database."""
    address: Any = request.getfixturevalue(request.param)
    return str(address)


@pytest.fixture
async def catalog(url: str) -> AsyncIterator[Catalog]:
    opened = connect(url)
    yield opened
    await opened.close()


@pytest.fixture
async def other(url: str) -> AsyncIterator[Catalog]:
    """A second worker on the database of `catalog`."""
    opened = connect(url)
    yield opened
    await opened.close()
