"""uv's own ways: dates, lock files that hold this server's URLs, and publishing."""

import tomllib
from pathlib import Path

import pytest

from tests.clients import menu
from tests.clients.client import Client, NewClient, Outcome, Publish
from tests.clients.evidence import installed, listed, promised
from tests.packages import sdist, wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.clients

WHEEL = wheel("acme-uv", "1.0")
SDIST = sdist("acme-uv", "1.0")
OTHER = wheel("acme-uv", "1.0", body=b"other = True\n")
PYPROJECT = """\
[project]
name = "table"
version = "0"
requires-python = ">=3.11"
dependencies = ["breakfast", "acme-uv"]
"""


@pytest.fixture
def uv(new_client: NewClient) -> Client:
    return new_client("uv")


@pytest.fixture(autouse=True)
def _menu(upstream: Upstream) -> None:
    menu.serve(upstream)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PYPROJECT)
    return folder


def upload(uv: Client, server: Cloche, token: str, *arguments: str | Path) -> Outcome:
    return uv.run("publish", "--publish-url", server.legacy, "--token", token, *arguments)


def test_a_compiled_lock_has_the_upstreams_hashes(
    uv: Client, cloche: Cloche, tmp_path: Path
) -> None:
    """`uv pip compile --generate-hashes` through the server writes the upstream's digests."""
    wanted = tmp_path / "requirements.in"
    wanted.write_text("breakfast\n")

    outcome = uv.succeeds(
        *("pip", "compile", "--python", uv.python, "--index-url", cloche.simple),
        *("--generate-hashes", "--no-annotate", "--no-header", wanted),
    )

    for built in menu.MEAL:
        assert f"{built.name}=={built.version}" in outcome.words
        assert f"--hash=sha256:{built.sha256}" in outcome.words


def test_a_lock_file_outlives_a_restart_and_the_upstream(
    *,
    uv: Client,
    new_client: NewClient,
    publish: Publish,
    project: Path,
    cloche: Cloche,
    upstream: Upstream,
) -> None:
    """`uv sync --frozen` gets what `uv lock` wrote down: this server's URLs, private and public."""
    publish(WHEEL)
    uv.succeeds("lock", "--default-index", cloche.simple, "--python", uv.python, cwd=project)
    locked = _locked_urls(project)
    sync = ("sync", "--frozen", "--python", uv.python)
    new_client("uv").succeeds(*sync, cwd=project, env=_environment(project, "first"))
    cloche.stop()

    with (
        upstream.down(),
        Cloche(cloche.data, upstream=upstream.simple, offline=True, port=cloche.port),
    ):
        new_client("uv").succeeds(*sync, cwd=project, env=_environment(project, "second"))

    assert len(locked) == len(menu.MEAL) + 1
    assert {url.partition("/packages/")[0] for url in locked} == {cloche.url}
    for name in ("first", "second"):
        (packages,) = (project / name).glob("lib/python*/site-packages")
        assert installed(packages) == menu.VERSIONS | {"acme-uv": "1.0"}


def test_a_checked_publish_skips_what_exists(uv: Client, cloche: Cloche, tmp_path: Path) -> None:
    """With --check-url uv uploads what is missing only."""
    token = cloche.first_token
    first, second = WHEEL.write(tmp_path), SDIST.write(tmp_path)
    check = ("--check-url", cloche.simple)
    assert upload(uv, cloche, token, *check, first).code == 0

    outcome = upload(uv, cloche, token, *check, first, second)

    assert outcome.code == 0, outcome.output
    assert f"{WHEEL.filename} already exists, skipping" in outcome.words
    assert f"Uploading {SDIST.filename}" in outcome.words
    assert listed(cloche, "acme-uv") == promised(WHEEL, SDIST)


def test_other_bytes_under_the_same_name_fail(uv: Client, cloche: Cloche, tmp_path: Path) -> None:
    """Other bytes under a name that is taken are refused, and uv says why."""
    token = cloche.first_token
    assert upload(uv, cloche, token, WHEEL.write(tmp_path)).code == 0
    other = OTHER.write(tmp_path)

    plain = upload(uv, cloche, token, other)
    checked = upload(uv, cloche, token, "--check-url", cloche.simple, other)

    assert plain.code != 0
    assert "File already exists" in plain.words
    assert checked.code != 0
    assert "do not match" in checked.words
    assert listed(cloche, "acme-uv") == promised(WHEEL)


def _locked_urls(project: Path) -> list[str]:
    lock = tomllib.loads((project / "uv.lock").read_text())
    files = [
        file
        for package in lock["package"]
        for file in [*package.get("wheels", []), *filter(None, [package.get("sdist")])]
    ]
    return [file["url"] for file in files]


def _environment(project: Path, name: str) -> dict[str, str]:
    return {"UV_PROJECT_ENVIRONMENT": str(project / name)}
