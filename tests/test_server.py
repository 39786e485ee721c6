"""The server fixture itself: what it promises the tests that use it."""

from pathlib import Path

import pytest

from tests.server import Cloche, ServerFailed
from tests.upstream.controller import Upstream


def test_a_start_that_fails_shows_what_was_printed(tmp_path: Path) -> None:
    """A configuration error ends the start at once, with the program's own words."""
    config = tmp_path / "cloche.toml"
    config.write_text("[server]\nprot = 1\n")

    with pytest.raises(ServerFailed, match="prot"):
        Cloche(tmp_path / "data", config=config).start()


def test_a_second_start_keeps_the_data(tmp_path: Path, upstream: Upstream) -> None:
    """A token made before a kill is good after it, on the same address if so wished."""
    server = Cloche(tmp_path / "data", upstream=upstream.simple)
    with server:
        token = server.token("read")
        server.kill()
    with server:
        made = server.command("token", "list", "--data", str(server.data))

    assert made.returncode == 0, made.stderr
    assert token.split("_")[1] in made.stdout


def test_workers_end_with_the_server(tmp_path: Path, upstream: Upstream) -> None:
    """A server with two workers takes its requests and is gone, all of it, when it is stopped."""
    server = Cloche(tmp_path / "data", upstream=upstream.simple, workers=2)
    with server:
        statuses = {server.get("/-/health").status for _ in range(20)}

    assert statuses == {200}
    with pytest.raises(OSError, match="refused"):
        server.get("/-/health")
