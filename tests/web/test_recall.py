"""What a server does about kept files that its upstream has deleted, by its settings."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tests.packages import wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.waiting import until

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
OLD, NEW = wheel("demo", "1.0"), wheel("demo", "2.0")


def listed(server: Cloche) -> dict[str, str]:
    """The addresses of the files on the page, by name."""
    reply = server.get("/simple/demo/", JSON)
    assert reply.status == 200
    files = json.loads(reply.body)["files"]
    return {file["filename"]: urljoin("/simple/demo/", file["url"]) for file in files}


def is_recorded(server: Cloche) -> bool:
    """Whether the file is noted as kept: it may be sent a moment before."""
    with closing(sqlite3.connect(server.data / "cloche.db")) as catalog:
        found = catalog.execute("SELECT 1 FROM held WHERE filename = ?", (OLD.filename,))
        return found.fetchone() is not None


@pytest.mark.parametrize(
    ("policy", "is_listed", "status"),
    [("keep", True, 200), ("hide", False, 200), ("deny", False, 403)],
)
def test_a_deleted_file(
    tmp_path: Path,
    upstream: Upstream,
    policy: str,
    is_listed: bool,  # noqa: FBT001 - a case
    status: int,
) -> None:
    """Page and address follow the policy, also after a restart with the upstream down."""
    upstream.add(OLD)
    upstream.add(NEW)
    config = tmp_path / "cloche.toml"
    config.write_text(
        f"""
        [upstream.pypi]
        url = "{upstream.simple}"
        [upstream.pypi.freshness]
        most = 0
        patience = 20
        [upstream.pypi.recall]
        deleted = "{policy}"
        """
    )
    server = Cloche(tmp_path / "data", config=config)
    with server:
        address = listed(server)[OLD.filename]
        assert server.get(address).body == OLD.content
        until(lambda: is_recorded(server))
        upstream.remove(OLD)

        until(lambda: (OLD.filename in listed(server)) is is_listed)
        assert server.get(address).status == status
    with upstream.down(), server:
        assert (OLD.filename in listed(server)) is is_listed
        reply = server.get(address)
        assert reply.status == status
        if status == 403:
            assert json.loads(reply.body)["reason"].startswith("deleted upstream on ")
