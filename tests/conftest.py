import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says something of the machine, which is shared, and little of the code.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

pytest_plugins = ["tests.services.fixtures", "tests.upstream.fixtures", "tests.clients.record"]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run every async test on asyncio: the one loop that the server runs on."""
    return "asyncio"
