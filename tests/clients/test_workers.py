"""Several workers behind one address: no client can tell which of them it speaks to."""

from pathlib import Path

import pytest

from tests.clients import menu
from tests.clients.client import Client, NewClient
from tests.clients.evidence import installed, listed, promised
from tests.packages import wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.clients

ROUNDS = 3


def test_what_one_worker_took_all_workers_serve(
    new_client: NewClient, pip: Client, upstream: Upstream, tmp_path: Path
) -> None:
    """As soon as twine is done, every worker lists the upload and pip installs it."""
    twine = new_client("twine")

    with Cloche(tmp_path / "data", upstream=upstream.simple, workers=2) as server:
        token = server.token("upload")
        for version in range(1, ROUNDS + 1):
            built = wheel("acme", str(version))
            assert_absent(server, built.filename)
            twine.succeeds(
                *("upload", "--repository-url", server.legacy, "--username", "__token__"),
                *("--password", token, built.write(tmp_path)),
            )
            pages = [listed(server, "acme") for _ in range(20)]
            assert all(page.items() >= promised(built).items() for page in pages)
        target = tmp_path / "target"
        pip.succeeds("install", "--index-url", server.simple, "--target", target, "acme")

    assert installed(target) == {"acme": str(ROUNDS)}


def test_uv_installs_from_several_workers(
    new_client: NewClient, upstream: Upstream, tmp_path: Path
) -> None:
    """Installing with all of uv's connections at once asks the upstream for each file once."""
    menu.serve(upstream)
    uv = new_client("uv")

    with Cloche(tmp_path / "data", upstream=upstream.simple, workers=2) as server:
        target = tmp_path / "target"
        uv.succeeds(
            *("pip", "install", "--python", uv.python, "--target", target),
            *("--index-url", server.simple, "breakfast"),
        )

    assert installed(target) == menu.VERSIONS
    for built in menu.MEAL:
        whole = [
            one
            for one in upstream.requests(upstream.file(built))
            if one.path == upstream.file(built) and "Range" not in one.headers
        ]
        assert len(whole) == 1, (built.filename, whole)


def assert_absent(server: Cloche, filename: str) -> None:
    """Make every worker know the page without the file, so that a stale one would show."""
    for _ in range(20):
        assert filename.encode() not in server.get("/simple/acme/").body
