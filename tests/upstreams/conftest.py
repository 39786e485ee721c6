from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.upstream.controller import Upstream
from tests.upstreams.fronts import front


@pytest.fixture
def in_http2(upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where the fake upstream is to be had over TLS and in HTTP/2, without a slash at the end."""
    with front(upstream.url, tmp_path / "front", monkeypatch) as url:
        yield url
