"""A rule that depends on time, on a real server: everything changes at the very instant."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from tests.config_files import COOLED
from tests.packages import wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.waiting import until

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
SOON = timedelta(seconds=8)
PATIENCE = 60.0
LOOKS = 5  # the later ones are hits
PAGE = "/simple/it-demo/"
OLD, NEW = wheel("it-demo", "1.0"), wheel("it-demo", "2.0")
ADDRESS = f"/packages/main/it-demo/{NEW.sha256}/{NEW.filename}"


@pytest.fixture
def ruled(tmp_path: Path, upstream: Upstream) -> Iterator[Cloche]:
    """A server with a week's cooldown."""
    config = tmp_path / "cloche.toml"
    config.write_text(COOLED.format(url=upstream.simple))
    with Cloche(tmp_path / "data", config=config) as running:
        yield running


Seen = tuple[list[str], int, int]


def seen(server: Cloche) -> Seen:
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
    before: list[Seen] = []
    after: list[Seen] = []

    def looked_often() -> bool:
        began, found, ended = datetime.now(UTC), seen(ruled), datetime.now(UTC)
        if ended < instant:
            before.append(found)
        elif began >= instant:
            after.append(found)
        return len(after) == LOOKS

    until(looked_often, PATIENCE)
    assert len(before) > 1
    assert before == [(["1.0"], 403, 403)] * len(before)
    assert after == [(["1.0", "2.0"], 200, 200)] * LOOKS
    assert len(upstream.requests(PAGE)) == 1
