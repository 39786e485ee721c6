"""What every client's tests start from: a server before a fake upstream, and clean clients."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.client import Client, NewClient, Publish
from tests.clients.matrix.kitchen import Kitchen, kitchen
from tests.packages import Built
from tests.ports import free_port
from tests.server import Cloche
from tests.upstream.controller import Upstream


@pytest.fixture
def new_client(tmp_path: Path) -> NewClient:
    """Give a function that makes clients, each with an empty home of its own."""
    made: list[Client] = []

    def make(name: str) -> Client:
        home = tmp_path / "homes" / f"{len(made)}-{name}"
        home.mkdir(parents=True)
        made.append(Client(name, home))
        return made[-1]

    return make


@pytest.fixture
def pip(new_client: NewClient) -> Client:
    return new_client("pip")


@pytest.fixture
def cloche(tmp_path: Path, upstream: Upstream) -> Iterator[Cloche]:
    """Run a server whose index falls through to the fake upstream, on an empty data directory."""
    # Some tests let another server have its address.
    with Cloche(tmp_path / "data", upstream=upstream.simple, port=free_port()) as server:
        yield server


@pytest.fixture
def publish(new_client: NewClient, cloche: Cloche, tmp_path: Path) -> Publish:
    """Give a function that uploads distributions, by twine."""

    def upload(*distributions: Built) -> None:
        folder = tmp_path / "published"
        folder.mkdir(exist_ok=True)
        new_client("twine").succeeds(
            *("upload", "--repository-url", cloche.legacy, "--username", "__token__"),
            *("--password", cloche.first_token),
            *[built.write(folder) for built in distributions],
        )

    return upload


@pytest.fixture(scope="session", name="kitchen")
def _kitchen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kitchen]:
    """Run the servers that the matrix and the mistakes share, once in each worker."""
    with kitchen(tmp_path_factory.mktemp("kitchen")) as running:
        yield running
