"""flit against a running server: it builds a project by itself and uploads both files."""

from pathlib import Path

import pytest

from tests.clients import menu
from tests.clients.client import Client, NewClient, Outcome
from tests.clients.evidence import digests, installed, listed
from tests.server import Cloche
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.clients

PYPROJECT = """\
[build-system]
requires = ["flit_core>=3.11,<5"]
build-backend = "flit_core.buildapi"

[project]
name = "acme-flit"
version = "1.0"
description = "By flit"
readme = "README.md"
requires-python = ">=3.11"
license = "MIT"
keywords = ["cheese", "bell"]
dependencies = ["eggs >=1, <2", "tomli; python_version < '3.11'"]

[project.optional-dependencies]
Sweet_Tooth = ["honey~=1.0"]

[project.urls]
Home = "http://127.0.0.1/acme"
"""


@pytest.fixture(autouse=True)
def _menu(upstream: Upstream) -> None:
    menu.serve(upstream)


@pytest.fixture
def flit(new_client: NewClient) -> Client:
    return new_client("flit")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "README.md").write_text("# Acme, as flit sees it\n")
    (folder / "acme_flit.py").write_text('"""By flit."""\n')
    return folder


def publish(flit: Client, project: Path, server: Cloche, token: str) -> Outcome:
    repository = {"FLIT_INDEX_URL": server.legacy, "FLIT_USERNAME": "__token__"}
    return flit.run("publish", cwd=project, env={**repository, "FLIT_PASSWORD": token})


def test_what_flit_publishes_pip_installs(
    flit: Client, project: Path, pip: Client, cloche: Cloche, tmp_path: Path
) -> None:
    """The wheel and the sdist that flit builds and uploads are there for pip at once."""
    outcome = publish(flit, project, cloche, cloche.first_token)

    assert outcome.code == 0, outcome.output
    assert listed(cloche, "acme-flit") == digests(project / "dist")
    assert len(listed(cloche, "acme-flit")) == 2
    target = tmp_path / "target"
    pip.succeeds("install", "--index-url", cloche.simple, "--target", target, "acme-flit")
    assert installed(target) == {"acme-flit": "1.0", "eggs": "1.5", "salt": "1.0"}
