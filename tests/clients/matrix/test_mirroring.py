"""Mirrors made of this server: in full, then of what has changed, then of what is left."""

from pathlib import Path

import pytest

from tests.clients.client import NewClient
from tests.clients.matrix.mirroring import (
    FIRST,
    SECOND,
    Mirror,
    Mirroring,
    Source,
    emptied,
    follows,
    full,
    names,
)
from tests.clients.matrix.page import PAGE, label
from tests.clients.matrix.tables import MIRRORING
from tests.clients.record import Seen
from tests.packages import Built
from tests.server import Cloche
from tests.web.forms import upload
from tests.web.tokens import granted

pytestmark = pytest.mark.clients

CONFIG = """
[index.main]
default = true
uploads = true

[index."team/dev"]
sources = ["main"]
read = "authenticated"
"""
RULES = """
[[index.main.rule]]
kind = "deny"
what = ["brie<2"]
"""


@pytest.mark.parametrize(
    "row", MIRRORING.rows, ids=lambda row: f"{row.title} {row.name}".replace(" ", "-")
)
def test_the_mirror_does_what_the_page_says(
    *, row: type[Mirror], new_client: NewClient, tmp_path: Path, seen: Seen
) -> None:
    """A mirror is made, and follows all that changes, as the page on clients says."""
    if reason := row.missing():
        pytest.skip(reason)  # no Python here that this client runs on: `make test` has said which
    found = walked(row, new_client, tmp_path)

    known = MIRRORING.findings(PAGE.read_text())
    name = label(row, (client for client, _ in known))
    compare = [seen(MIRRORING.name, name, action, finding) for action, finding in found.items()]
    if all(compare):
        assert {action: known.get((name, action)) for action in Mirroring} == found


def walked(row: type[Mirror], new_client: NewClient, folder: Path) -> dict[Mirroring, str]:
    """What the client does at each step of an index's life."""
    mirror = made(row, new_client, folder / "open")
    config = folder / "cloche.toml"
    config.write_text(CONFIG)
    server, found = Cloche(folder / "data", config=config), dict[Mirroring, str]()
    source = Source(server)
    with server:
        token = granted(server.data, "read", "upload", index="*")
        published(server, token, *FIRST)
        found[Mirroring.FULL] = full(mirror, source)
        published(server, token, SECOND)
        found[Mirroring.INCREMENTAL] = follows(mirror, source, "acme")
        manage(server, "yank", "acme", "2.0", "--reason", "broken")
        found[Mirroring.YANK] = follows(mirror, source, "acme")
        manage(server, "delete", "acme", "1.0")
        found[Mirroring.DELETION] = follows(mirror, source, "acme")
        assert mirror.held("acme").keys() == names(SECOND)
        private = Source(server, token, "/team/dev")
        found[Mirroring.PRIVATE] = follows(
            made(row, new_client, folder / "private"), private, "acme", "brie"
        )
    config.write_text(CONFIG + RULES)
    server.port = int(server.url.rpartition(":")[2])
    with server:
        found[Mirroring.RULES] = emptied(mirror, source, "brie", {"acme", "brie"})
        manage(server, "status", "acme", "quarantined")
        found[Mirroring.QUARANTINE] = emptied(mirror, source, "acme", {"acme"})
    return found


def made(row: type[Mirror], new_client: NewClient, folder: Path) -> Mirror:
    folder.mkdir()
    return row(new_client(row.name), folder)


def manage(server: Cloche, *command: str) -> None:
    done = server.command(*command, "--data", str(server.data), "--config", str(server.config))
    assert done.returncode == 0, done.stderr


def published(server: Cloche, token: str, *files: Built) -> None:
    for built in files:
        assert upload(server.url, built, token).status == 200
