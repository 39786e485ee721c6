"""What `cloche prefetch` brings of a client's own lock is all that the client then needs.

The lock is made through one server; another, whose data folder was empty, is filled by prefetch
and has no upstream.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.clients import menu
from tests.clients.client import NewClient
from tests.clients.evidence import installed
from tests.clients.matrix.environments import site as virtual_site
from tests.clients.matrix.environments import virtual
from tests.packages import wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.clients

PYPROJECT = """\
[project]
name = "table"
version = "0"
requires-python = ">=3.11"
dependencies = ["breakfast"]
"""
POETRY = """
[tool.poetry]
package-mode = false
[[tool.poetry.source]]
name = "cloche"
url = "{simple}"
priority = "primary"
"""
PDM = """
[[tool.pdm.source]]
name = "pypi"
url = "{simple}"
"""
PIPFILE = """\
[[source]]
name = "cloche"
url = "{simple}"
verify_ssl = true

[packages]
breakfast = "*"
"""
# What nobody here can install, and so must not be needed: it is named by locks all the same.
ELSEWHERE = wheel("salt", "1.0", tag="cp311-cp311-win_amd64")

Filled = Callable[[Path], AbstractContextManager[Cloche]]


@pytest.fixture(autouse=True)
def _menu(upstream: Upstream) -> None:
    menu.serve(upstream)
    upstream.add(ELSEWHERE)


@pytest.fixture
def filled(cloche: Cloche, upstream: Upstream, tmp_path: Path) -> Filled:
    """Give a function that serves, at the first server's address, what prefetch brings."""

    @contextmanager
    def serve(lock: Path) -> Iterator[Cloche]:
        data = tmp_path / "other" / "data"
        data.parent.mkdir(exist_ok=True)
        done = cloche.command(
            *("prefetch", str(lock), "--data", str(data), "--upstream", upstream.simple)
        )
        assert done.returncode == 0, done.stdout + done.stderr
        cloche.stop()
        server = Cloche(data, upstream=upstream.simple, offline=True, port=cloche.port)
        with upstream.down(), server:
            yield server

    return serve


def project(folder: Path, more: str = "") -> Path:
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PYPROJECT + more)
    return folder


def site(environment: Path) -> Path:
    (found,) = environment.glob("lib/python*/site-packages")
    return found


def test_uv_lock(new_client: NewClient, cloche: Cloche, filled: Filled, tmp_path: Path) -> None:
    """After `cloche prefetch uv.lock`, `uv sync --frozen` needs no upstream."""
    uv, table = new_client("uv"), project(tmp_path / "table")
    uv.succeeds("lock", "--default-index", cloche.simple, "--python", uv.python, cwd=table)

    with filled(table / "uv.lock"):
        stranger = new_client("uv")
        stranger.succeeds("sync", "--frozen", "--python", uv.python, cwd=table)

    assert ELSEWHERE.filename in (table / "uv.lock").read_text()
    assert installed(site(table / ".venv")) == menu.VERSIONS


def test_uv_pylock(new_client: NewClient, cloche: Cloche, filled: Filled, tmp_path: Path) -> None:
    """What uv exports as pylock.toml (PEP 751) installs from what was brought of it."""
    uv, table = new_client("uv"), project(tmp_path / "table")
    uv.succeeds("lock", "--default-index", cloche.simple, "--python", uv.python, cwd=table)
    uv.succeeds("export", "--frozen", "--format", "pylock.toml", "-o", "pylock.toml", cwd=table)

    with filled(table / "pylock.toml"):
        new_client("uv").succeeds(
            *("pip", "install", "--python", uv.python, "--target", tmp_path / "target"),
            *("--preview", "-r", "pylock.toml"),
            cwd=table,
        )

    assert installed(tmp_path / "target") == menu.VERSIONS


def test_compiled_hashes(
    new_client: NewClient, cloche: Cloche, filled: Filled, tmp_path: Path
) -> None:
    """After `uv pip compile --generate-hashes`, pip installs with --require-hashes."""
    uv, wanted = new_client("uv"), tmp_path / "requirements.in"
    wanted.write_text("breakfast\n")
    uv.succeeds(
        *("pip", "compile", "--python", uv.python, "--index-url", cloche.simple),
        *("--generate-hashes", "--emit-index-url", "-o", "requirements.txt", wanted),
        cwd=tmp_path,
    )

    with filled(tmp_path / "requirements.txt") as server:
        new_client("pip").succeeds(
            *("install", "--index-url", server.simple, "--target", tmp_path / "target"),
            *("--require-hashes", "-r", tmp_path / "requirements.txt"),
        )

    assert installed(tmp_path / "target") == menu.VERSIONS


@pytest.mark.parametrize("name", ["pip", "pip22", "uv"])
def test_frozen(
    new_client: NewClient, cloche: Cloche, filled: Filled, tmp_path: Path, name: str
) -> None:
    """After `cloche prefetch` of what `pip freeze` prints, that installs without the upstream."""
    pip = new_client("pip")
    install = ("install", "--index-url", cloche.simple, "--target", tmp_path / "first")
    pip.succeeds(*install, "breakfast")
    frozen = pip.succeeds("freeze", "--path", tmp_path / "first").output
    (tmp_path / "requirements.txt").write_text(frozen)

    with filled(tmp_path / "requirements.txt") as server:
        client = new_client(name)
        with_python = (
            ("pip", "install", "--python", client.python) if name == "uv" else ("install",)
        )
        client.succeeds(
            *(*with_python, "--index-url", server.simple, "--target", tmp_path / "second"),
            *("-r", tmp_path / "requirements.txt"),
        )

    assert sorted(frozen.split()) == sorted(f"{n}=={v}" for n, v in menu.VERSIONS.items())
    assert installed(tmp_path / "second") == menu.VERSIONS


def test_poetry_lock(new_client: NewClient, cloche: Cloche, filled: Filled, tmp_path: Path) -> None:
    """After `cloche prefetch poetry.lock`, `poetry install` needs no upstream."""
    table = project(tmp_path / "table", POETRY.format(simple=cloche.simple))
    inside = {"POETRY_VIRTUALENVS_CREATE": "true", "POETRY_VIRTUALENVS_IN_PROJECT": "true"}
    new_client("poetry").succeeds("lock", cwd=table, env=inside)

    with filled(table / "poetry.lock"):
        new_client("poetry").succeeds("install", "--no-root", cwd=table, env=inside)

    assert installed(site(table / ".venv")).items() >= menu.VERSIONS.items()


@pytest.mark.parametrize("strategy", [(), ("--static-urls",)])
def test_pdm_lock(
    new_client: NewClient,
    cloche: Cloche,
    filled: Filled,
    tmp_path: Path,
    strategy: tuple[str, ...],
) -> None:
    """After `cloche prefetch pdm.lock`, also of static URLs, `pdm sync` needs no upstream."""
    table = project(tmp_path / "table", PDM.format(simple=cloche.simple))
    new_client("pdm").succeeds("lock", *strategy, cwd=table)

    with filled(table / "pdm.lock"):
        new_client("pdm").succeeds("sync", "--no-self", cwd=table)

    (library,) = table.glob("__pypackages__/*/lib")
    assert installed(library) == menu.VERSIONS


def test_pipfile_lock(
    new_client: NewClient, cloche: Cloche, filled: Filled, tmp_path: Path
) -> None:
    """After `cloche prefetch Pipfile.lock`, `pipenv sync` needs no upstream."""
    pipenv, table = new_client("pipenv"), tmp_path / "table"
    table.mkdir()
    (table / "Pipfile").write_text(PIPFILE.format(simple=cloche.simple))
    quiet = {"PIPENV_VERBOSITY": "-1", "PIPENV_NOSPIN": "1"}
    inside = {**virtual(table, pipenv.python), **quiet}
    pipenv.succeeds("lock", cwd=table, env=inside)

    with filled(table / "Pipfile.lock"):
        new_client("pipenv").succeeds("sync", cwd=table, env=inside)

    assert installed(virtual_site(table)) == menu.VERSIONS


def test_pypicache(
    new_client: NewClient, cloche: Cloche, upstream: Upstream, tmp_path: Path
) -> None:
    """`pip freeze | curl -F requirements=@-` brings what pip then installs from /local/."""
    lines = "".join(f"{name}=={version}\n" for name, version in menu.VERSIONS.items())
    (tmp_path / "requirements.txt").write_text(lines)
    asked = ("curl", "-sf", "--noproxy", "*", "-F", "requirements=@-")

    with (tmp_path / "requirements.txt").open() as listed:
        done = subprocess.run(
            [*asked, f"{cloche.url}/requirements.txt"],
            stdin=listed,
            capture_output=True,
            timeout=60,
            check=True,
        )
    with upstream.down():
        new_client("pip").succeeds(
            *("install", "--index-url", f"{cloche.url}/local/", "--target", tmp_path / "target"),
            *("-r", tmp_path / "requirements.txt"),
        )

    said = json.loads(done.stdout)
    assert sorted(said["cached"]) == sorted(built.filename for built in menu.MEAL)
    assert (said["unparseable"], said["failed"]) == ([], [])
    assert installed(tmp_path / "target") == menu.VERSIONS
