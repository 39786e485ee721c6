import pytest

pytest_plugins = ["tests.services.fixtures", "tests.upstream.fixtures", "tests.clients.record"]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run every async test on asyncio: the one loop that the server runs on."""
    return "asyncio"
