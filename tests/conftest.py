from collections.abc import Generator

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


_TIME = pytest.StashKey[object]()


@pytest.hookimpl(wrapper=True)
def pytest_timeout_set_timer(
    item: pytest.Item, settings: object
) -> Generator[None, object, object]:
    """Note the time that a test has, for a second run of it."""
    item.stash[_TIME] = settings
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give a test that is run once more its time anew.

    pytest-timeout sets one timer for all runs of a test, and a first failure ends it: without this,
    a second run that hangs would hang for ever.
    """
    time = item.stash.get(_TIME, None)
    if time is not None and getattr(item, "execution_count", 1) > 1:
        item.ihook.pytest_timeout_set_timer(item=item, settings=time)
