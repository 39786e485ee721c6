from collections.abc import Iterator

import pytest

from tests.clients.matrix.kitchen import Kitchen, kitchen


@pytest.fixture(scope="session", name="kitchen")
def _kitchen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kitchen]:
    """Run the servers that all cells share, once in each worker."""
    with kitchen(tmp_path_factory.mktemp("kitchen")) as running:
        yield running
