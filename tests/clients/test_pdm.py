"""pdm against a running server: `pdm publish` of files that are built already."""

import tomllib
from pathlib import Path

import pytest

from tests.clients import menu
from tests.clients.client import Client, NewClient, Outcome
from tests.clients.evidence import installed, listed, promised
from tests.packages import sdist, wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.clients

WHEEL = wheel("acme-pdm", "1.0")
SDIST = sdist("acme-pdm", "1.0")
OTHER = wheel("acme-pdm", "1.0", body=b"other = True\n")
PYPROJECT = '[project]\nname = "acme-pdm"\nversion = "1.0"\nrequires-python = ">=3.11"\n'
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


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make a project whose files lie in dist/."""
    folder = tmp_path / "project"
    (folder / "dist").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PYPROJECT)
    WHEEL.write(folder / "dist")
    SDIST.write(folder / "dist")
    return folder


def publish(pdm: Client, project: Path, server: Cloche, token: str, *options: str) -> Outcome:
    return pdm.run(
        *("publish", "--no-build", "--repository", server.legacy, "--username", "__token__"),
        *("--password", token, *options),
        cwd=project,
    )


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


def test_what_pdm_publishes_pip_installs(
    pdm: Client, project: Path, pip: Client, cloche: Cloche, tmp_path: Path
) -> None:
    """A wheel and an sdist that pdm publishes are there for pip at once."""
    outcome = publish(pdm, project, cloche, cloche.first_token)

    assert outcome.code == 0, outcome.output
    assert listed(cloche, "acme-pdm") == promised(WHEEL, SDIST)
    target = tmp_path / "target"
    pip.succeeds("install", "--index-url", cloche.simple, "--target", target, "acme-pdm")
    assert installed(target) == {"acme-pdm": "1.0"}


def test_the_same_bytes_twice_succeed(pdm: Client, project: Path, cloche: Cloche) -> None:
    """An upload may be repeated: the same bytes again are a success."""
    outcomes = [publish(pdm, project, cloche, cloche.first_token) for _ in range(2)]

    assert [outcome.code for outcome in outcomes] == [0, 0], outcomes


def test_other_bytes_under_the_same_name_fail(pdm: Client, project: Path, cloche: Cloche) -> None:
    """Other bytes under a name that is taken are a conflict; with --skip-existing, no failure."""
    token = cloche.first_token
    assert publish(pdm, project, cloche, token).code == 0
    OTHER.write(project / "dist")

    refused = publish(pdm, project, cloche, token)
    skipped = publish(pdm, project, cloche, token, "--skip-existing")

    assert refused.code != 0
    assert refused.names(409)
    assert skipped.code == 0, skipped.output
    assert f"Skipping {OTHER.filename}" in skipped.words
    assert listed(cloche, "acme-pdm") == promised(WHEEL, SDIST)


def test_a_wrong_token_is_refused(pdm: Client, project: Path, cloche: Cloche) -> None:
    """A token that the server did not make uploads nothing."""
    outcome = publish(pdm, project, cloche, "cloche_made-up")

    assert outcome.code != 0
    assert outcome.names(401, 403)
    assert cloche.get("/simple/acme-pdm/").status == 404
