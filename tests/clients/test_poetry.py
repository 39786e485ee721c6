"""poetry against a running server: build, publish, and what exists already."""

import tomllib
from pathlib import Path

import pytest

from tests.clients import menu
from tests.clients.client import Client, NewClient
from tests.clients.evidence import digests, installed, listed
from tests.server import Cloche
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.clients

PYPROJECT = """\
[build-system]
requires = ["poetry-core>=2"]
build-backend = "poetry.core.masonry.api"

[project]
name = "acme-poetry"
version = "1.0"
description = "By poetry"
requires-python = ">=3.11"
keywords = ["cheese", "bell"]
dependencies = ["eggs >=1, <2", "tomli; python_version < '3.11'"]

[project.optional-dependencies]
Sweet_Tooth = ["honey~=1.0"]

[project.urls]
Home = "http://127.0.0.1/acme"
"""
TABLE = """\
[project]
name = "table"
version = "0"
requires-python = ">=3.11"
dependencies = ["breakfast"]

[tool.poetry]
package-mode = false

[[tool.poetry.source]]
name = "cloche"
url = "{simple}"
priority = "primary"
"""
PUBLISH = ("publish", "--no-interaction", "--repository", "cloche")


@pytest.fixture(autouse=True)
def _menu(upstream: Upstream) -> None:
    menu.serve(upstream)


@pytest.fixture
def poetry(new_client: NewClient) -> Client:
    return new_client("poetry")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "acme_poetry.py").write_text('"""By poetry."""\n')
    return folder


def configure(poetry: Client, server: Cloche, token: str) -> None:
    poetry.succeeds("config", "repositories.cloche", server.legacy)
    poetry.succeeds("config", "http-basic.cloche", "__token__", token)


def test_poetry_locks_and_installs(poetry: Client, cloche: Cloche, tmp_path: Path) -> None:
    """A lock that poetry makes through the server holds the upstream's digests, and installs."""
    (tmp_path / "pyproject.toml").write_text(TABLE.format(simple=cloche.simple))
    in_project = {"POETRY_VIRTUALENVS_CREATE": "true", "POETRY_VIRTUALENVS_IN_PROJECT": "true"}

    poetry.succeeds("lock", cwd=tmp_path, env=in_project)
    poetry.succeeds("install", "--no-root", cwd=tmp_path, env=in_project)

    packages = tomllib.loads((tmp_path / "poetry.lock").read_text())["package"]
    locked = {file["file"]: file["hash"] for package in packages for file in package["files"]}
    for built in menu.MEAL:
        assert locked[built.filename] == f"sha256:{built.sha256}"
    (site,) = (tmp_path / ".venv").glob("lib/python*/site-packages")
    assert installed(site).items() >= menu.VERSIONS.items()


def test_what_poetry_publishes_pip_installs(
    poetry: Client, project: Path, pip: Client, cloche: Cloche, tmp_path: Path
) -> None:
    """The sdist and the wheel that poetry builds and publishes are there for pip at once."""
    configure(poetry, cloche, cloche.first_token)

    poetry.succeeds(*PUBLISH, "--build", cwd=project)

    assert listed(cloche, "acme-poetry") == digests(project / "dist")
    assert len(listed(cloche, "acme-poetry")) == 2
    target = tmp_path / "target"
    pip.succeeds("install", "--index-url", cloche.simple, "--target", target, "acme-poetry")
    assert installed(target) == {"acme-poetry": "1.0", "eggs": "1.5", "salt": "1.0"}
