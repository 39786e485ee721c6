"""`cloche push`, beside a running server."""

import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.cli.program import refused, run
from tests.packages import sdist, wheel
from tests.server import Cloche
from tests.web.answers import listed
from tests.web.forms import upload
from tests.web.tokens import granted

BUILT = (wheel("cp-own", "1.0"), sdist("cp-own", "1.0"))
SETTINGS = """
[index.dev]
uploads = true
default = true
[index.stable]
uploads = true
[index.sealed]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloche]:
    folder = tmp_path_factory.mktemp("pushing")
    (folder / "cloche.toml").write_text(SETTINGS)
    with Cloche(folder / "data", config=folder / "cloche.toml") as running:
        token = granted(running.data, "upload", index="dev")
        for built in BUILT:
            assert upload(running.url, built, token).status == 200
        yield running


@pytest.fixture
def folder(server: Cloche) -> Path:
    return server.data.parent


def cloche(folder: Path, *arguments: str) -> CompletedProcess[str]:
    return run(folder, *arguments, "--data", "data", "--config", "cloche.toml")


def test_pushing(server: Cloche, folder: Path) -> None:
    """A dry run pushes nothing; then the version is there, and a running server shows it."""
    names = sorted(built.filename for built in BUILT)
    would = cloche(folder, "push", "cp-own==1.0", "--to", "stable", "--dry-run")
    assert (would.returncode, sorted(would.stdout.split())) == (0, names)
    assert would.stderr == "would push 2 files to stable\n"
    assert listed(server, "cp-own", "stable") == []

    done = cloche(folder, "push", "CP_own==1.0", "--from", "dev", "--to", "stable", "--reason", "x")
    assert (done.returncode, sorted(done.stdout.split())) == (0, names)
    assert done.stderr == "pushed 2 files to stable\n"
    assert sorted(listed(server, "cp-own", "stable")) == names

    again = cloche(folder, "push", "cp-own==1.0", "--to", "stable")
    assert (again.stdout, again.stderr) == ("", "pushed 0 files to stable; 2 there already\n")
    found = json.loads(cloche(folder, "push", "cp-own==1.0", "--to", "stable", "--json").stdout)
    assert (found["new"], sorted(found["there"])) == ([], names)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cp-own==1.0"], "Missing option '--to'"),
        (["cp-own", "--to", "stable"], "write one such as cp-own==1.0"),
        (["cp-own==9", "--to", "stable"], "no file of cp-own 9"),
        (["cp-own==1.0", "--to", "none"], "no index 'none'"),
        (["cp-own==1.0", "--to", "sealed"], "takes no uploads"),
        (["cp-own==1.0", "--to", "dev"], "in index dev already"),
        (["cp-own==1.0", "--to", "stable", "--from", "none"], "no index 'none'"),
    ],
)
def test_what_is_refused(folder: Path, arguments: list[str], words: str) -> None:
    """A wrong word is one line that says what to do."""
    assert words in refused(cloche(folder, "push", *arguments))
