"""Data to export: uploads, and an upstream's projects of which a page is kept."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.cli.export.trees import CACHED, OWN, OWN_2, SDIST
from tests.cli.program import run
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.web.forms import upload

Exporting = Callable[..., CompletedProcess[str]]


def listed(upstream: Upstream) -> None:
    upstream.add(CACHED)
    upstream.add(SDIST, metadata=False)


@pytest.fixture(scope="session")
def prepared(
    tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream
) -> tuple[Path, str]:
    """Make the data once; return it, and a token for it."""
    data = tmp_path_factory.mktemp("prepared") / "data"
    listed(upstream_process)
    with Cloche(data, upstream=upstream_process.simple) as server:
        token = server.first_token
        for built in (OWN, OWN_2):
            assert upload(server.url, built, token).status == 200
        assert server.get("/simple/cached/").status == 200
    upstream_process.reset()
    return data, token


@pytest.fixture
def folder(prepared: tuple[Path, str], tmp_path: Path, upstream: Upstream) -> Path:
    """A folder with a copy of the data in it, and the upstream as it was then."""
    shutil.copytree(prepared[0], tmp_path / "data")
    listed(upstream)
    return tmp_path


@pytest.fixture
def token(prepared: tuple[Path, str]) -> str:
    return prepared[1]


@pytest.fixture
def export(folder: Path, upstream: Upstream) -> Exporting:
    """Give a function that runs `cloche export` on the data, into `target` unless told."""

    def work(*arguments: str | Path, target: str | Path = "target") -> CompletedProcess[str]:
        asked = ("export", target, "--data", "data", "--upstream", upstream.simple)
        return run(folder, *asked, *arguments)

    return work


@pytest.fixture
def server(folder: Path, upstream: Upstream) -> Iterator[Cloche]:
    """A server on the data."""
    with Cloche(folder / "data", upstream=upstream.simple) as running:
        yield running
