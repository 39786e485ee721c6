"""The scripted upstream for these tests: one process a session, a history of its own a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.client import Client
from tests.mirror.scripted import Upstream


@pytest.fixture(scope="session")
def scripted_process() -> Iterator[Upstream]:
    upstream = Upstream()
    yield upstream
    upstream.close()


@pytest.fixture
def scripted(scripted_process: Upstream) -> Upstream:
    """Give the upstream, whose history a test begins with `found`."""
    return scripted_process


@pytest.fixture
def bandersnatch(tmp_path: Path) -> Client:
    home = tmp_path / "bandersnatch"
    home.mkdir()
    return Client("bandersnatch", home)
