"""`cloche verify`: what it finds, repairs, says, and how it ends."""

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.program import Program, refused, run
from tests.faults.wire import acknowledged
from tests.packages import Built, wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.waiting import until

SALT, EGGS = wheel("salt", "1.0", size=300_000), wheel("eggs", "1.5")
LAST = "1 wrong, 0 of them repaired"


@pytest.fixture
def kept(tmp_path: Path, upstream: Upstream) -> Path:
    """A folder with two files of an upstream and an upload in its data."""
    for built in (SALT, EGGS):
        upstream.add(built)
    (tmp_path / "requirements.txt").write_text("salt==1.0\neggs\n")
    fetched = run(tmp_path, "prefetch", "--upstream", upstream.simple, "requirements.txt")
    assert fetched.returncode == 0
    return tmp_path


def verify(
    folder: Path, upstream: Upstream, *arguments: str | Path
) -> subprocess.CompletedProcess[str]:
    env = {"CLOCHE_UPSTREAM__PYPI__URL": upstream.simple}
    return run(folder, "verify", *arguments, env=env)


def blob(folder: Path, digest: str) -> Path:
    return folder / "cloche-data" / "blobs" / "sha256" / digest[:2] / digest


def spoil(path: Path) -> None:
    path.write_bytes(b"?" + path.read_bytes()[1:])


def upload(folder: Path, upstream: Upstream, built: Built) -> None:
    """Put a distribution into the default index, by the server."""
    with Cloche(folder / "cloche-data", upstream=upstream.simple) as server:
        assert acknowledged(server.url, server.token("upload"), built)


def events(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in done.stdout.splitlines()]


def test_all_is_well(kept: Path, upstream: Upstream) -> None:
    """The first run reads everything, the next nothing, unless it is told to."""
    first = verify(kept, upstream)
    second = verify(kept, upstream)
    again = verify(kept, upstream, "--again")
    old = verify(kept, upstream, "--older-than", "0")

    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith("6 read, 30")  # two files, two metadata, two pages
    assert first.stdout.endswith("; 0 verified before; 0 wrong, 0 of them repaired\n")
    assert second.stdout == "0 read, 0 B; 4 verified before; 0 wrong, 0 of them repaired\n"
    assert again.stdout == first.stdout == old.stdout


def test_wrong_bytes(kept: Path, upstream: Upstream) -> None:
    """What is wrong is a line that names it, and the exit code is 1 until it is repaired."""
    spoil(blob(kept, SALT.sha256))

    found = verify(kept, upstream)
    repaired = verify(kept, upstream, "--repair")
    after = verify(kept, upstream)

    assert found.returncode == 1
    assert found.stdout.splitlines()[0] == (
        f"wrong  {SALT.filename} (pypi): its bytes are not those that its sha256 names"
    )
    assert found.stdout.endswith(f"{LAST}\n")
    assert (repaired.returncode, after.returncode) == (0, 0)
    assert repaired.stdout.startswith(f"repaired  {SALT.filename} (pypi): its bytes")
    assert blob(kept, SALT.sha256).read_bytes() == SALT.content


def test_as_json(kept: Path, upstream: Upstream) -> None:
    """Programs get an object for each finding, and the sums at the end."""
    blob(kept, EGGS.sha256).unlink()

    done = verify(kept, upstream, "pypi", "--json")

    wrong, last = events(done)
    assert wrong == {
        "event": "wrong",
        "kind": "missing",
        "why": "its bytes are not there",
        "sha256": EGGS.sha256,
        "concerns": [
            {"place": "pypi", "project": "eggs", "filename": EGGS.filename, "part": "held"}
        ],
        "repaired": None,
        "repair": "",
    }
    assert (last["event"], last["read"], last["wrong"], last["repaired"]) == ("done", 5, 1, 0)


def test_an_upload_that_is_lost(kept: Path, upstream: Upstream) -> None:
    """An upload's wrong bytes are set aside, loudly, and a copy put back is found to be right."""
    mine = wheel("mine", "1.0")
    upload(kept, upstream, mine)
    spoil(blob(kept, mine.sha256))

    done = verify(kept, upstream, "main", "--repair")

    assert done.returncode == 1
    assert done.stdout.startswith(f"LOST   {mine.filename} (main): its bytes")
    assert "put its blob back from a backup; the wrong bytes are at " in done.stdout
    assert not blob(kept, mine.sha256).exists()
    blob(kept, mine.sha256).write_bytes(mine.content)
    assert verify(kept, upstream).returncode == 0


def test_an_index_that_there_is_not(tmp_path: Path, upstream: Upstream) -> None:
    """A name that is neither an index nor an upstream is refused."""
    assert "known are main, pypi" in refused(verify(tmp_path, upstream, "mian"))


def test_ctrl_c_and_kill(kept: Path, upstream: Upstream) -> None:
    """However it ends early, what was verified is not read again."""
    huge = blob(kept, "ff" * 32)
    huge.parent.mkdir(parents=True, exist_ok=True)
    with huge.open("wb") as hole:
        os.truncate(hole.fileno(), 1 << 40)

    def noted() -> int:
        database = kept / "cloche-data" / "cloche.db"
        with closing(sqlite3.connect(database)) as connection:
            return int(connection.execute("SELECT count(*) FROM verified").fetchone()[0])

    with Program(kept, "verify") as program:
        until(lambda: noted() == 4)
        program.interrupt()
        code = program.end(60)
    stopped = program.err
    with Program(kept, "verify", "--again") as program:
        until(lambda: program.process.poll() is None)
        program.process.kill()
        program.end()
    huge.unlink()

    assert (code, stopped) == (
        130,
        "cloche: stopped; what was verified is noted, run it again\n",
    )
    assert verify(kept, upstream).stdout.startswith("0 read, 0 B; 4 verified before")
