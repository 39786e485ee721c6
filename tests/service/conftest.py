"""Workers for the services' tests: all of one test share a folder, as those of a node do."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.service.worker import Clock, Employ, Options, Worker, worker
from tests.upstream.controller import Upstream


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def employ(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Employ]:
    """Give a function that opens a worker with such options; all are closed in the end."""
    async with AsyncExitStack() as stack:

        async def opened(options: Options | None = None) -> Worker:
            return await stack.enter_async_context(worker(tmp_path, upstream.simple, options))

        yield opened


@pytest.fixture
async def node(employ: Employ) -> Worker:
    """A worker with the default settings."""
    return await employ()
