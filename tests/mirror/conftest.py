"""The scripted upstream for these tests: one process a session, a history of its own a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.client import Client
from tests.mirror import history
from tests.mirror.mirror import Mirror
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


@pytest.fixture(scope="session")
def complete(scripted_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Mirror:
    """A mirror of a small upstream as it was founded, nothing being wrong there: to be copied."""
    scripted_process.found(history.FEWEST, bad=False)
    mirror = Mirror(tmp_path_factory.mktemp("complete"), scripted_process.simple())
    assert mirror.sync().returncode == 0
    return mirror
