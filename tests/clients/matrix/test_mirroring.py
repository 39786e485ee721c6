"""Mirrors made of this server: in full, then of what has changed, then of what is left."""

from pathlib import Path

import pytest

from tests.clients.client import NewClient
from tests.clients.matrix import mirroring
from tests.clients.matrix.mirroring import Mirror, Mirroring
from tests.clients.matrix.page import PAGE, label
from tests.clients.matrix.tables import MIRRORING
from tests.clients.record import Seen
from tests.packages import Built
from tests.server import Cloche

pytestmark = pytest.mark.clients

CONFIG = "[index.main]\nuploads = true\n"


@pytest.mark.parametrize("row", MIRRORING.rows, ids=lambda row: row.title)
def test_the_mirror_does_what_the_page_says(
    *, row: type[Mirror], new_client: NewClient, tmp_path: Path, seen: Seen
) -> None:
    """A mirror is made, follows an upload, and follows a deletion, as the page on clients says."""
    if reason := row.missing():
        pytest.skip(reason)
    mirror = row(new_client(row.name), tmp_path)
    config = tmp_path / "cloche.toml"
    config.write_text(CONFIG)
    with Cloche(tmp_path / "data", config=config) as server:
        upload(server, new_client, tmp_path, *mirroring.FIRST)
        found = {Mirroring.FULL: mirroring.full(mirror, server)}
        upload(server, new_client, tmp_path, mirroring.SECOND)
        found[Mirroring.INCREMENTAL] = mirroring.incremental(mirror, server)
        where = ("--data", str(server.data), "--config", str(config))
        deleted = server.command("delete", *where, "acme", "1.0")
        assert deleted.returncode == 0, deleted.stderr
        found[Mirroring.DELETION] = mirroring.deletion(mirror, server)

    known = MIRRORING.findings(PAGE.read_text())
    name = label(row, (client for client, _ in known))
    compare = [seen(MIRRORING.name, name, action, finding) for action, finding in found.items()]
    if all(compare):
        assert {action: known.get((name, action)) for action in Mirroring} == found


def upload(server: Cloche, new_client: NewClient, folder: Path, *files: Built) -> None:
    new_client("uv").succeeds(
        *("publish", "--publish-url", server.legacy, "--token", server.token("upload")),
        *[built.write(folder) for built in files],
    )
