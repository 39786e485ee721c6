"""`cloche import`: what it brings, refuses, says, and how it ends."""

import signal
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import msgspec
import pytest

from tests.cli.program import Program, refused, run
from tests.packages import wheel
from tests.server import Cloche
from tests.stocks.samples import (
    FILES,
    REASON,
    SALT,
    SALT_SDIST,
    THEN,
    bandersnatch,
    folder,
    put,
)
from tests.waiting import until

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
NAMES = {built.filename for built in FILES}


def bring(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return run(folder, "import", "--data", folder / "data", *arguments)


def states(done: subprocess.CompletedProcess[str], state: str = "brought") -> set[str]:
    lines = [line.split() for line in done.stdout.splitlines()]
    return {line[1].rstrip(":") for line in lines if line[0] == state}


@pytest.fixture
def wheelhouse(tmp_path: Path) -> Path:
    folder(tmp_path / "wheelhouse")
    return tmp_path / "wheelhouse"


def page(server: Cloche, project: str = "salt") -> dict[str, dict[str, Any]]:
    """The files of a project's page, by their names."""
    said = msgspec.json.decode(server.get(f"/simple/{project}/", JSON).body)
    return {file["filename"]: file for file in said["files"]}


def content(server: Cloche, file: dict[str, Any]) -> bytes:
    return server.get(urljoin("/simple/salt/", file["url"])).body


def test_a_folder(tmp_path: Path, wheelhouse: Path) -> None:
    """All of it is brought once, served byte for byte, with the time that each file had."""
    first = bring(tmp_path, wheelhouse, "--to", "main")
    second = bring(tmp_path, wheelhouse, "--to", "main")

    assert (first.returncode, first.stderr, states(first)) == (0, "", NAMES)
    assert first.stdout.splitlines()[0] == "it looks like folder; bringing it to main"
    assert first.stdout.splitlines()[-1] == (
        "2 files brought, 61.1 kB; 0 here before; 0 refused; 1 no distributions, 2 with the time "
        "of the file itself"
    )
    assert (second.returncode, states(second), states(second, "here")) == (0, set(), NAMES)
    with Cloche(tmp_path / "data", offline=True) as server:
        for built in FILES:
            file = page(server)[built.filename]
            assert content(server, file) == built.content
            assert datetime.fromisoformat(file["upload-time"]) == THEN
    assert {path.read_bytes() for path in wheelhouse.rglob("salt*")} == {b.content for b in FILES}


def test_a_mirror_as_what_is_kept_of_an_upstream(tmp_path: Path) -> None:
    """Pages and files of a mirror are kept as if they had been fetched: offline they are served."""
    bandersnatch(tmp_path / "mirror")

    done = bring(tmp_path, tmp_path / "mirror", "--to", "pypi")
    again = bring(tmp_path, tmp_path / "mirror", "--to", "pypi")

    assert (done.returncode, done.stderr, states(done)) == (0, "", NAMES)
    assert states(done, "paged") == {"salt"}
    assert (states(again, "here"), states(again, "paged")) == (NAMES, set())
    with Cloche(tmp_path / "data", offline=True) as server:
        found = page(server)
        assert found.keys() == NAMES
        for built in FILES:
            assert content(server, found[built.filename]) == built.content
            when = found[built.filename]["upload-time"]
            assert datetime.fromisoformat(when) == THEN
        assert found[SALT_SDIST.filename]["yanked"] == REASON
        wheels = found[SALT.filename]
        assert wheels["core-metadata"] == {"sha256": SALT.metadata_sha256}
        assert (
            server.get(urljoin("/simple/salt/", f"{wheels['url']}.metadata")).body == SALT.metadata
        )


def test_as_json(tmp_path: Path, wheelhouse: Path) -> None:
    """Programs get an object a line: what it is, what became of each file, and the sum."""
    (wheelhouse / "nameless.tar.gz").write_bytes(b"")

    done = bring(tmp_path, wheelhouse, "--to", "main", "--json")

    said = [msgspec.json.decode(line) for line in done.stdout.splitlines()]
    assert said[0] == {"event": "import", "kind": "folder", "to": "main"}
    files = {each["path"]: each for each in said if each["event"] == "file"}
    assert files[SALT.filename] == {
        "event": "file",
        "state": "brought",
        "what": SALT.filename,
        "path": SALT.filename,
        "size": SALT.size,
        "why": None,
        "uploaded_at": THEN.isoformat(),
        "stated": False,
    }
    assert files["nameless.tar.gz"]["state"] == "refused"
    assert said[-1] == {
        "event": "done",
        "dry_run": False,
        "brought": 2,
        "here": 0,
        "refused": 1,
        "passed": 1,
        "size": SALT.size + SALT_SDIST.size,
        "unstated": 2,
    }


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_interrupted(tmp_path: Path, by: signal.Signals) -> None:
    """What was told as brought is kept, and a second run goes on; Ctrl-C ends it with one line."""
    house = tmp_path / "house"
    many = [wheel(f"many-{n}", "1.0", size=20_000) for n in range(60)]
    for built in many:
        put(house / built.filename, built.content)

    with Program(
        tmp_path, "import", house, "--to", "main", "--data", "data", "--jobs", "1"
    ) as program:
        until(lambda: program.out.count("brought") > 3 or program.process.poll() is not None)
        program.process.send_signal(by)
        code = program.end()
    first = {line.split()[1] for line in program.out.splitlines() if line.startswith("brought")}
    second = bring(tmp_path, house, "--to", "main")

    assert second.returncode == 0
    assert states(second) | states(second, "here") == {built.filename for built in many}
    assert first <= states(second, "here")
    if by is signal.SIGINT and code != 0:  # else it was faster than the signal
        assert code == 130
        assert program.err == ("cloche: stopped; what has come is kept, run it again to go on\n")


def test_what_is_asked_wrongly(tmp_path: Path, wheelhouse: Path) -> None:
    """No destination, or none of that name: one line."""
    assert "with --to NAME" in refused(bring(tmp_path, wheelhouse))
    assert "no index or upstream 'x'; known are main, pypi" in refused(
        bring(tmp_path, wheelhouse, "--to", "x")
    )


def test_bandersnatch_s_settings(tmp_path: Path) -> None:
    """Of a bandersnatch.conf it prints what `cloche config import` prints."""
    conf = tmp_path / "bandersnatch.conf"
    conf.write_text("[plugins]\nenabled = allowlist_project\n[allowlist]\npackages = salt\n")

    done = run(tmp_path, "import", conf)

    assert (done.returncode, done.stdout) == (0, run(tmp_path, "config", "import", conf).stdout)
    assert 'kind = "allow"' in done.stdout
