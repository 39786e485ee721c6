"""Real services for any test that names them; each starts once a session, at its first test."""

from collections.abc import Iterator

import pytest

from tests.services.postgres import Postgres, postgres
from tests.services.s3 import Bucket, Server, s3_server


@pytest.fixture(scope="session")
def postgres_process() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_process: Postgres) -> Iterator[str]:
    """Give the URL of an empty database: postgresql://user@host:port/name."""
    with postgres_process.database() as url:
        yield url


@pytest.fixture(scope="session")
def s3_process() -> Iterator[Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def s3(s3_process: Server) -> Bucket:
    """Give an empty bucket."""
    return s3_process.bucket()
