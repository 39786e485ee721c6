from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.ui.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A server with an index `main` before an upstream `pypi`, and nothing in either."""
    made = World(tmp_path)
    yield made
    await made.close()
