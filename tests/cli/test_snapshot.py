"""`cloche snapshot`, beside a running server; and what the sweep leaves because of it."""

import json
from datetime import timedelta
from pathlib import Path
from subprocess import CompletedProcess

import anyio
import pytest

from cloche.app.services import opened
from cloche.config import load
from tests.cli.program import refused, run
from tests.packages import wheel
from tests.server import Cloche
from tests.web.forms import upload

ONE, TWO = wheel("cs-own", "1.0"), wheel("cs-own", "2.0")


def cloche(folder: Path, *arguments: str) -> CompletedProcess[str]:
    return run(folder, *arguments, "--data", "data")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with two uploads, the first of which was deleted after a snapshot."""
    with Cloche(tmp_path / "data", offline=True) as server:
        for built in (ONE, TWO):
            assert upload(server.url, built, server.first_token).status == 200
        made = cloche(tmp_path, "snapshot", "create", "both", "--reason", "before")
        assert (made.returncode, made.stderr.split(" at ")[0]) == (0, "both is index main")
        assert cloche(tmp_path, "delete", "cs-own", "1.0").returncode == 0
    return tmp_path


def swept(folder: Path) -> int:
    """How many blobs a sweep takes that spares nothing young."""

    async def sweep() -> int:
        async with opened(load(data=folder / "data", environ={}), patience=0) as services:
            return (await services.sweep.run(timedelta(0))).blobs

    return anyio.run(sweep)


def test_a_snapshot_outlives_the_sweep(folder: Path) -> None:
    """What a snapshot names is served after its deletion and a sweep; then nothing keeps it."""
    assert swept(folder) == 0
    file = f"/as-of/both/packages/cs-own/{ONE.sha256}/{ONE.filename}"
    with Cloche(folder / "data", offline=True) as server:
        assert server.get(file).body == ONE.content
        assert server.get(f"{file}.metadata").body == ONE.metadata
        assert server.get(file.replace("as-of/both/packages", "packages/main")).status == 404

    assert cloche(folder, "snapshot", "delete", "both").returncode == 0
    assert swept(folder) == 2


def test_listing(folder: Path) -> None:
    """The list tells name, index and moment; for programs in JSON."""
    first = cloche(folder, "snapshot", "create", "first", "--at", "2020-01-01")
    assert first.stdout == "0\n"

    head, *lines = cloche(folder, "snapshot", "list").stdout.splitlines()
    assert head.split() == ["name", "index", "serial", "at", "made", "at", "by"]
    assert [line.split()[:2] for line in lines] == [["both", "main"], ["first", "main"]]
    listed = json.loads(cloche(folder, "snapshot", "list", "--json", "--index", "main").stdout)
    assert [each["name"] for each in listed] == ["both", "first"]
    assert listed[1]["at"] == "2020-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("create", "both"), "delete it first"),
        (("create", "2020-01-01"), "cannot name a snapshot"),
        (("create", "new", "--at", "9999-12-31"), "still to come"),
        (("create", "new", "--index", "nowhere"), "no index 'nowhere'"),
        (("delete", "new"), "has no snapshot 'new'"),
    ],
)
def test_what_is_refused(tmp_path: Path, arguments: tuple[str, ...], why: str) -> None:
    """What cannot be is one line on standard error; no server need run."""
    if "both" in arguments:
        assert cloche(tmp_path, "snapshot", "create", "both").stdout == "0\n"
    assert why in refused(cloche(tmp_path, "snapshot", *arguments))
