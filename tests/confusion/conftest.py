"""The scene of every attack: one server, a private upstream, and the public one, watched."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.clients.client import Client, NewClient
from tests.confusion.scene import Scene, scene


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield stack.enter_context(scene(tmp_path_factory.mktemp("confusion")))


@pytest.fixture(name="scene")
def _scene(shared: Scene) -> Iterator[Scene]:
    """The scene, both upstreams empty; a test takes names that no other takes."""
    yield shared
    shared.corporate.reset()
    shared.pypi.reset()


@pytest.fixture
def new_client(tmp_path_factory: pytest.TempPathFactory) -> NewClient:
    def make(name: str) -> Client:
        return Client(name, tmp_path_factory.mktemp(name))

    return make
