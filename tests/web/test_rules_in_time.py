"""A rule that depends on time, on a real server: everything changes at the very instant."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from tests.packages import wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
SOON = timedelta(seconds=3)
PATIENCE = 20.0
PAGE = "/simple/it-demo/"
OLD, NEW = wheel("it-demo", "1.0"), wheel("it-demo", "2.0")
ADDRESS = f"/packages/main/it-demo/{NEW.sha256}/{NEW.filename}"

SETTINGS = """
[upstream.pypi]
url = "{url}"

[index.main]
sources = ["pypi"]

[[index.main.rule]]
kind = "cooldown"
days = 7
"""


@pytest.fixture
def ruled(tmp_path: Path, upstream: Upstream) -> Iterator[Cloche]:
    """A server with a week's cooldown."""
    config = tmp_path / "cloche.toml"
    config.write_text(SETTINGS.format(url=upstream.simple))
    with Cloche(tmp_path / "data", config=config) as running:
        yield running


def seen(server: Cloche) -> tuple[list[str], int, int]:
    """The versions that the page lists, and the statuses of the new file and its metadata."""
    versions = msgspec.json.decode(server.get(PAGE, JSON).body)["versions"]
    beside = server.get(f"{ADDRESS}.metadata").status
    return versions, server.get(ADDRESS, method="HEAD").status, beside


def test_all_change_at_the_instant(ruled: Cloche, upstream: Upstream) -> None:
    """Page, file and metadata: what is asked before it is denied, what is asked after it is not.

    Hits of the edge are among the questions, and the upstream is asked for its page once.
    """
    upstream.add(OLD)
    instant = datetime.now(UTC) + SOON
    upstream.add(NEW, upload_time=(instant - timedelta(days=7)).isoformat().replace("+00:00", "Z"))
    before, after = 0, 0
    deadline = time.monotonic() + PATIENCE
    while after < 5 and time.monotonic() < deadline:
        began = datetime.now(UTC)
        found = seen(ruled)
        if datetime.now(UTC) < instant:
            assert found == (["1.0"], 403, 403)
            before += 1
        elif began >= instant:
            assert found == (["1.0", "2.0"], 200, 200)
            after += 1

    assert before > 1
    assert after == 5
    assert len(upstream.requests(PAGE)) == 1
