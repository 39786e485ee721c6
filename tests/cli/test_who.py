"""`cloche who`: the access journal, beside a server or without one."""

import json
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.cli.program import refused, run
from tests.packages import wheel
from tests.server import Cloche
from tests.web.forms import upload
from tests.web.tokens import granted

OLD, NEW = wheel("cw-demo", "1.0"), wheel("cw-demo", "2.0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server from which two releases were fetched, and that has ended."""
    made = tmp_path_factory.mktemp("who")
    with Cloche(made / "data", offline=True) as server:
        for built in (OLD, NEW):
            upload(server.url, built, granted(server.data, "upload"))
            path = f"/packages/main/cw-demo/{built.sha256}/{built.filename}"
            assert server.get(path, {"User-Agent": f"pip/{built.version}"}).status == 200
    return made


def who(folder: Path, *arguments: str) -> CompletedProcess[str]:
    return run(folder, "who", *arguments, "--data", "data")


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("CW_demo", ["2.0", "1.0"]),
        ("cw-demo==1.0.0", []),
        ("cw-demo==v1.0", ["1.0"]),
        (OLD.filename, ["1.0"]),
        (NEW.sha256, ["2.0"]),
        (f"sha256:{NEW.sha256}", ["2.0"]),
        ("cw-nobody", []),
    ],
)
def test_what_is_meant(folder: Path, what: str, found: list[str]) -> None:
    """A project, a version, a filename or a digest leads to its fetches; exit code 1 if to none."""
    done = who(folder, what, "--json")

    assert done.returncode == (0 if found else 1), done.stderr
    assert [entry["version"] for entry in json.loads(done.stdout)] == found


def test_a_table(folder: Path) -> None:
    """A line for each fetch: when, who, from where, with which client, from which index."""
    head, line = who(folder, "cw-demo", "--limit", "1").stdout.splitlines()

    assert head.split() == ["at", "who", "from", "client", "index", "file"]
    assert line.split()[1:] == ["-", "127.0.0.1", "pip", "2.0", "main", NEW.filename]


def test_nobody(folder: Path) -> None:
    """That nobody did is said, and that nobody would know."""
    done = who(folder, "cw-nobody")
    (folder / "off.toml").write_text("[access]\njournal = false\n")
    unknown = who(folder, "cw-demo==3.0", "--config", "off.toml")

    assert (done.returncode, done.stdout, unknown.returncode) == (1, "", 1)
    assert done.stderr.startswith("cloche: nobody is known to have fetched cw-nobody: ")
    assert "400 days" in done.stderr
    assert "journal = false" in unknown.stderr


def test_bounds(folder: Path) -> None:
    """Since and index bound what is found; what is no date is refused."""
    assert who(folder, "cw-demo", "--since", "2020-01-01", "--index", "main").returncode == 0
    assert who(folder, "cw-demo", "--since", "2999-01-01").returncode == 1
    assert "is no date" in refused(who(folder, "cw-demo", "--since", "soon"))
    assert "no index 'other'" in refused(who(folder, "cw-demo", "--index", "other"))
