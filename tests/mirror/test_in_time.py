"""What time alone changes, at a server that others mirror: the next incremental run has it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from tests.clients.client import Client
from tests.config_files import COOLED
from tests.mirror.bandersnatch import Bandersnatch
from tests.mirror.mirror import Mirror
from tests.packages import Built, wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.waiting import until

pytestmark = pytest.mark.clients

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
WEEK = timedelta(days=7)


@pytest.fixture
def server(tmp_path: Path, upstream: Upstream) -> Iterator[Cloche]:
    """A server with a week's cooldown."""
    config = tmp_path / "server.toml"
    config.write_text(COOLED.format(url=upstream.simple))
    with Cloche(tmp_path / "server", config=config) as running:
        yield running


def serial(server: Cloche, project: str) -> int:
    """That of the project on the list, which mirrors compare."""
    listed = msgspec.json.decode(server.get("/simple/", JSON).body)["projects"]
    [found] = [each["_last-serial"] for each in listed if each["name"] == project]
    return int(found)


def offered(server: Cloche, upstream: Upstream, project: str, seconds: float) -> datetime:
    """Have two versions of a project, one of which waits for so long; return until when."""
    instant = datetime.now(UTC) + timedelta(seconds=seconds)
    old, new = versions(project)
    upstream.add(old)
    upstream.add(new, upload_time=(instant - WEEK).isoformat().replace("+00:00", "Z"))
    assert server.get(f"/simple/{project}/").status == 200
    return instant


def ended(server: Cloche, project: str) -> bool:
    """Whether the journal says so."""
    with closing(sqlite3.connect(server.data / "cloche.db")) as connection:
        query = "SELECT count(*) FROM journal WHERE action = 'ruling ended' AND project = ?"
        return bool(connection.execute(query, (project,)).fetchone()[0])


def versions(project: str) -> tuple[Built, Built]:
    return wheel(project, "1.0"), wheel(project, "2.0")


def test_mirrors_hear_of_the_end_of_a_cooldown(
    server: Cloche, upstream: Upstream, bandersnatch: Client, tmp_path: Path
) -> None:
    """A file that was withheld comes with an incremental run, though nothing happened to it."""
    theirs = Bandersnatch(bandersnatch, server.url)
    ours = Mirror(tmp_path, server.simple)
    for project, seconds in {"brie": 8.0, "feta": 60.0}.items():  # on a crowded machine the second
        instant = offered(server, upstream, project, seconds)
        theirs.sync()
        assert ours.sync().returncode == 0
        if datetime.now(UTC) < instant:
            break
    old, new = versions(project)
    assert theirs.has()[project] == ours.holding.files()[project] == {old.filename}
    before = serial(server, project)

    until(lambda: ended(server, project))
    assert serial(server, project) > before
    theirs.sync()
    assert ours.sync().returncode == 0

    both = {old.filename, new.filename}
    assert theirs.has()[project] == ours.holding.files()[project] == both
    told = int(server.get(f"/pypi/{project}/json").headers["x-pypi-last-serial"])
    assert told == serial(server, project)
