import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cloche.core.model import Artifact
from cloche.core.releases import by_preference, releases
from cloche.ports import Transfer
from cloche.service.told import tell
from tests.fakes import FakeUpstream
from tests.web.ui.world import MAIN, World

pytestmark = pytest.mark.anyio


class Silent(FakeUpstream):
    """Answers with pages at once, and with files never."""

    @asynccontextmanager
    async def transfer(
        self, artifact: Artifact, start: int, etag: str | None
    ) -> AsyncIterator[Transfer]:
        await asyncio.Event().wait()
        async with super().transfer(artifact, start, etag) as transfer:
            yield transfer


async def test_a_page_does_not_wait_long_for_metadata(tmp_path: Path) -> None:
    """An upstream that never sends a file delays a page by a bounded time."""
    world = World(tmp_path, upstream=Silent())
    demo = world.offer("demo", {"filename": "demo-1.0-py3-none-any.whl", "core-metadata": True})
    shown = await world.pages.shelf.get(MAIN.name, demo)

    async with asyncio.timeout(60):
        told = await tell(
            world.pages.files, MAIN.name, demo, by_preference(releases(shown.page)), patience=0.05
        )

    assert "it has not come within" in told.lack
    await world.fetch.close(0)
