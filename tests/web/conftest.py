"""One real server for all of these tests, with an index of every sort."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.web.tokens import granted

MAX_UPLOAD = 300_000

_SETTINGS = """
[server]
log = "json"
max_upload = {max_upload}

[upstream.pypi]
url = "{upstream}"

[index.main]
default = true
uploads = true
sources = ["pypi"]

[index."team/dev"]
uploads = true
sources = ["main"]

[index.closed]
uploads = true
read = "authenticated"

[index.named]
uploads = true
read = ["ada"]

[index.nested]
sources = ["closed"]

[index.frozen]
sources = ["main"]
"""


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream
) -> Iterator[Cloche]:
    """Run a server with indexes main, team/dev, closed, named, nested (in closed) and frozen.

    A test takes project names that no other takes, for all of them share it.
    """
    folder = tmp_path_factory.mktemp("server")
    config = folder / "cloche.toml"
    settings = _SETTINGS.format(max_upload=MAX_UPLOAD, upstream=upstream_process.simple)
    config.write_text(settings)
    with Cloche(folder / "data", config=config) as running:
        yield running


@pytest.fixture(scope="session")
def token(server: Cloche) -> str:
    """A token that may read and upload everywhere."""
    return granted(server.data, "read", "upload", index="*")


@pytest.fixture
def data(server: Cloche) -> Path:
    return server.data
