"""The fake upstream for any test that names it: one process a session, a clean world a test."""

from collections.abc import Iterator

import pytest

from tests.upstream.controller import Upstream


@pytest.fixture(scope="session")
def upstream_process() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


@pytest.fixture
def upstream(upstream_process: Upstream) -> Iterator[Upstream]:
    """Give an empty, well-behaved upstream, and break off at the end what a test left hanging."""
    yield upstream_process
    upstream_process.reset()
