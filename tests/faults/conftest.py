"""What every fault is done to: data with something acknowledged and something cached in it."""

import shutil
from pathlib import Path

import pytest

from tests.faults.bench import ACKNOWLEDGED, CACHED, Bench
from tests.faults.mortal import Mortal
from tests.faults.store import Store
from tests.faults.wire import acknowledged, is_whole
from tests.upstream.controller import Upstream


@pytest.fixture(scope="session")
def prepared(
    tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream
) -> tuple[Path, str]:
    """Make the data once, by a server that ends well; return it, and a token for it."""
    data = tmp_path_factory.mktemp("prepared") / "data"
    upstream_process.add(CACHED)
    with Mortal(data, upstream=upstream_process.simple) as server:
        token = server.first_token
        assert acknowledged(server.url, token, ACKNOWLEDGED)
        assert is_whole(server.url, CACHED)
    upstream_process.reset()
    return data, token


@pytest.fixture
def bench(prepared: tuple[Path, str], tmp_path: Path, upstream: Upstream) -> Bench:
    """Give a copy of the data, the upstream as it was then, and servers on them."""
    data, token = prepared
    shutil.copytree(data, tmp_path / "data")
    upstream.add(CACHED)
    return Bench(tmp_path, token, upstream, Store.usual(tmp_path / "data"))
