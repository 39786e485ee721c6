"""`cloche gc`: what goes, what it says, and how it ends."""

import asyncio
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cloche.catalog import connect
from cloche.core.model import ProjectName
from tests.catalog.samples import upload
from tests.cli.asking import served
from tests.cli.program import Program, environment, refused, run
from tests.faults.mortal import Arms
from tests.packages import wheel
from tests.upstream.controller import Upstream
from tests.waiting import until

FILES = [wheel("demo", f"{number}.0", size=100_000) for number in range(3)]
LIMIT = ("--limit", "100.4 kB")


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Path:
    """Data with three files of an upstream, the first the oldest, and one that nothing needs."""
    folder = tmp_path_factory.mktemp("prepared")
    for built in FILES:
        upstream_process.add(built)
    (folder / "requirements.txt").write_text("".join(f"demo=={b.version}\n" for b in FILES))
    fetched = run(folder, "prefetch", "--upstream", upstream_process.simple, "requirements.txt")
    assert fetched.returncode == 0, fetched
    upstream_process.reset()
    nobodys = blob(folder, "ab" * 32)
    nobodys.parent.mkdir(parents=True, exist_ok=True)
    nobodys.write_bytes(b"nobody's")
    with closing(sqlite3.connect(folder / "cloche-data/cloche.db")) as connection, connection:
        connection.execute("UPDATE held SET at = 1000 + substr(filename, 6, 1)")
    return folder / "cloche-data"


@pytest.fixture
def kept(prepared: Path, tmp_path: Path, upstream: Upstream) -> Path:
    """A folder with a copy of that, and the upstream as it was."""
    for built in FILES:
        upstream.add(built)
    shutil.copytree(prepared, tmp_path / "cloche-data")
    for path in (tmp_path / "cloche-data/blobs/sha256").glob("*/*"):
        os.utime(path, (1, 1))
    return tmp_path


def blob(folder: Path, digest: str) -> Path:
    return folder / "cloche-data" / "blobs" / "sha256" / digest[:2] / digest


def blobs(folder: Path) -> set[str]:
    return {path.name for path in (folder / "cloche-data/blobs/sha256").glob("*/*")}


def gc(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(folder, "gc", *arguments)


def test_what_goes(kept: Path) -> None:
    """What nothing needs goes, then the least recently used; a dry run only says so."""
    before = blobs(kept)
    dry = gc(kept, "--dry-run", *LIMIT)
    after_dry = blobs(kept)
    real = gc(kept, *LIMIT)

    lines = [f"evicted  {built.filename} (pypi), 100.0 kB" for built in FILES[:2]]
    assert (dry.returncode, dry.stderr, real.returncode, real.stderr) == (0, "", 0, "")
    assert dry.stdout.splitlines()[:2] == real.stdout.splitlines()[:2] == lines
    assert dry.stdout.splitlines()[-1].startswith("would go: 1 that nothing needs, 8 B; 2 of")
    assert real.stdout.splitlines()[-1].startswith("gone: 1 that nothing needs, 8 B; 2 of")
    assert after_dry == before
    gone = {"ab" * 32, *(built.sha256 for built in FILES[:2])}
    assert blobs(kept) == before - gone


@pytest.mark.parametrize(
    "env",
    [
        {"CLOCHE_UPSTREAM__PYPI__MIRROR__MODE": "all"},
        {"CLOCHE_SERVER__OFFLINE": "true"},
        {"CLOCHE_CACHE__SPARE": '["pypi"]'},
    ],
)
def test_an_upstream_stays_whole(kept: Path, env: Mapping[str, str]) -> None:
    """The limit takes nothing of an upstream that is mirrored, cannot be asked, or is spared."""
    before = blobs(kept)
    done = run(kept, "gc", "--limit", "1 kB", env=env)

    assert done.returncode == 1
    assert blobs(kept) == before - {"ab" * 32}


def test_without_a_limit(kept: Path) -> None:
    """Where nothing sets a limit only that goes which nothing needs."""
    done = gc(kept)

    assert done.stdout == "gone: 1 that nothing needs, 8 B; the cache has no limit\n"
    assert blobs(kept) >= {built.sha256 for built in FILES}


def test_as_json(kept: Path) -> None:
    """Programs get an object for each file that goes, and the sums."""
    env = {"CLOCHE_CACHE__LIMIT": "250 kB"}
    done = run(kept, "gc", "--json", env=env)

    evicted, last = [msgspec.json.decode(line) for line in done.stdout.splitlines()]
    assert evicted == {
        "event": "evicted",
        "sha256": FILES[0].sha256,
        "size": 100_000,
        "upstream": "pypi",
        "project": "demo",
        "filename": FILES[0].filename,
    }
    assert (last["evicted"], last["unreferenced"], last["limit"]) == (1, 1, 250_000)


def test_what_may_not_go(kept: Path) -> None:
    """Where not enough may go the exit code is 1, and it says why."""
    with closing(sqlite3.connect(kept / "cloche-data/cloche.db")) as connection, connection:
        connection.execute("UPDATE held SET at = 9000000000000000")
    done = gc(kept, "--limit", "1 kB")

    assert done.returncode == 1
    assert "was used lately, is in a snapshot, or cannot be had again" in done.stderr


@pytest.mark.parametrize(
    ("env", "arguments", "why"),
    [
        ({}, ("--limit", "much"), "no number of bytes"),
        ({"CLOCHE_CACHE__LIMIT": "50 XB"}, (), "cache.limit"),
        ({"CLOCHE_CACHE__SPARE": '["pipy"]'}, (), "which is no upstream"),
    ],
)
def test_refused(
    tmp_path: Path, env: Mapping[str, str], arguments: tuple[str, ...], why: str
) -> None:
    """Nonsense in options and settings is told in a sentence."""
    assert why in refused(run(tmp_path, "gc", *arguments, env=env))


def test_a_server_keeps_the_limit(kept: Path, upstream: Upstream) -> None:
    """A running server evicts by itself, serves what went by fetching it anew, and gc may help."""
    env = {"CLOCHE_CACHE__LIMIT": "250 kB"}
    asked = ("serve", "--port", "0", "--upstream", upstream.simple)
    with Program(kept, *asked, "--data", "cloche-data", env=env) as server:
        url = server.url
        until(lambda: FILES[0].sha256 not in blobs(kept))
        got = served(url, f"/packages/main/demo/{FILES[0].sha256}/{FILES[0].filename}")
        beside = gc(kept, "--limit", "150 kB", "--json")
        server.process.send_signal(signal.SIGINT)
        server.end()

    assert got == (200, FILES[0].content)
    assert beside.returncode in {0, 1}
    assert FILES[0].sha256 in blobs(kept)  # just fetched


MOMENTS = (
    "before delete held",
    "before commit",
    "after commit",
    "before unlink blob",
    "after unlink blob #2",
)


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_a_moment(kept: Path, moment: str) -> None:
    """Killed at any moment, every row that is left has its bytes, and another run ends it."""
    arms = Arms(kept)
    arms.arm()
    env = {**environment(kept), **arms.env(moment)}
    command = [sys.executable, "-m", "cloche", "gc", *LIMIT]
    killed = subprocess.run(command, cwd=kept, env=env, capture_output=True, check=False)

    assert killed.returncode == -signal.SIGKILL, (killed.stderr, arms.seen())
    assert held(kept) <= blobs(kept)
    again = gc(kept, *LIMIT)
    assert again.returncode == 0
    assert re.search(r"the cache has 100\.\d kB of 100\.4 kB\n\Z", again.stdout)
    assert held(kept) <= blobs(kept)


def held(folder: Path) -> set[Any]:
    with closing(sqlite3.connect(folder / "cloche-data/cloche.db")) as connection:
        return {row[0] for row in connection.execute("SELECT digest FROM held")}


CONFIG = """
[upstream.pypi]
url = "{upstream}"
[upstream.pypi.retention]
newest = 1
named_by = ["uv/requirements.txt"]
[index.main]
uploads = true
default = true
sources = ["pypi"]
[index.main.retention]
newest = 1
"""


def test_retention(kept: Path, upstream: Upstream) -> None:
    """What retention does not keep goes; uploads only if that is said, and first they are named."""
    (kept / "uv").mkdir()
    (kept / "uv/requirements.txt").write_text("mine==0.1\n")
    config = kept / "cloche.toml"
    config.write_text(CONFIG.format(upstream=upstream.simple))
    asyncio.run(publish(kept, "0.1", "0.2"))

    dry = gc(kept, "--config", "cloche.toml", "--dry-run")
    named = gc(kept, "--config", "cloche.toml")
    real = gc(kept, "--config", "cloche.toml", "--delete-uploads")

    def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
        assert (done.returncode, done.stderr) == (0, "")
        found = (line.partition("  ") for line in done.stdout.splitlines()[:-1])
        return sorted(f"{verb} {rest.partition(' ')[0]}" for verb, _, rest in found)

    old = [f"demo-{n}.0-py3-none-any.whl{end}" for n in (0, 1) for end in ("", ".metadata")]
    mine = "mine-0.1.tar.gz"
    assert lines(dry) == sorted([*(f"would drop {e}" for e in old), f"would delete {mine}"])
    assert lines(named) == sorted([*(f"dropped {e}" for e in old), f"would delete {mine}"])
    assert lines(real) == [f"deleted {mine}"]
    assert {built.sha256 for built in FILES} & blobs(kept) == {FILES[2].sha256}


def test_retention_of_a_server(kept: Path, upstream: Upstream) -> None:
    """Where the settings say how often, a server does it by itself, and logs how much it was."""
    (kept / "uv").mkdir()
    (kept / "uv/requirements.txt").write_text("mine==0.1\n")
    config = kept / "cloche.toml"
    said = CONFIG.format(upstream=upstream.simple) + "every = 1\n"
    config.write_text(said)
    asyncio.run(publish(kept, "0.1", "0.2"))

    with Program(kept, "serve", "--config", "cloche.toml", "--port", "0") as server:
        until(lambda: "retained place=main files=1" in server.err)
        server.interrupt()
        assert server.end() == 0

    assert asyncio.run(uploads(kept)) == ["0.2"]
    assert "retained place=pypi" not in server.err
    assert {built.sha256 for built in FILES} <= blobs(kept)


def test_retention_that_keeps_nothing(tmp_path: Path) -> None:
    """Who says how often, and not what is kept, is told so."""
    config = tmp_path / "cloche.toml"
    config.write_text("[index.main]\nuploads = true\n[index.main.retention]\nevery = 60\n")
    said = refused(run(tmp_path, "gc", "--config", "cloche.toml"))
    assert "does not say what is kept" in said


async def uploads(folder: Path) -> list[str]:
    """The versions of a project that the index has."""
    catalog = connect(f"sqlite:///{folder}/cloche-data/cloche.db")
    found = await catalog.ledger.files("main", ProjectName("mine"))
    await catalog.close()
    return [each.version for each in found]


async def publish(folder: Path, *versions: str) -> None:
    """Put uploads of a project into the index."""
    catalog = connect(f"sqlite:///{folder}/cloche-data/cloche.db")
    for version in versions:
        await catalog.ledger.publish(upload("mine", version, said=version))
    await catalog.close()
