"""pdm against a running server: its lock file, and what it installs of it."""

import tomllib
from pathlib import Path

import pytest

from tests.clients import menu
from tests.clients.client import Client, NewClient
from tests.clients.evidence import installed
from tests.server import Cloche
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.clients

TABLE = """\
[project]
name = "table"
version = "0"
requires-python = ">=3.11"
dependencies = ["breakfast"]

[[tool.pdm.source]]
name = "pypi"
url = "{simple}"
"""


@pytest.fixture
def pdm(new_client: NewClient) -> Client:
    return new_client("pdm")


def test_pdm_locks_and_installs(
    pdm: Client, cloche: Cloche, upstream: Upstream, tmp_path: Path
) -> None:
    """A lock that pdm makes through the server holds the upstream's digests, and installs."""
    menu.serve(upstream)
    (tmp_path / "pyproject.toml").write_text(TABLE.format(simple=cloche.simple))

    pdm.succeeds("lock", cwd=tmp_path)
    pdm.succeeds("sync", "--no-self", cwd=tmp_path)

    packages = tomllib.loads((tmp_path / "pdm.lock").read_text())["package"]
    locked = {file["file"]: file["hash"] for package in packages for file in package["files"]}
    for built in menu.MEAL:
        assert locked[built.filename] == f"sha256:{built.sha256}"
    (site,) = (tmp_path / "__pypackages__").glob("*/lib")
    assert installed(site) == menu.VERSIONS
