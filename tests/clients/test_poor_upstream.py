"""Clients before an upstream that says next to nothing of its files: they find it all here."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.clients import menu
from tests.clients.client import Client, NewClient, Outcome
from tests.clients.evidence import digests, installed, listed, promised
from tests.packages import sdist, wheel
from tests.server import Cloche
from tests.upstream import kinds
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.clients

BIG = wheel("salt", "1.0", size=300_000)
WHEELS = (menu.BREAKFAST, menu.EGGS, BIG)
TOAST = sdist("toast", "1.0")
MEAL = (*WHEELS, TOAST)
PYPROJECT = """\
[project]
name = "table"
version = "0"
requires-python = ">=3.11"
dependencies = ["breakfast"]
"""


@pytest.fixture(params=["html", "json", "without ranges"], autouse=True)
def poor(request: pytest.FixtureRequest, upstream: Upstream) -> Upstream:
    """Serve a meal with no digest, size, time or metadata."""
    for built in MEAL:
        upstream.add(built, metadata=False, hashes={})
    upstream.misbehave(
        "/simple/*", kinds.Without(fields=("size", "upload-time", "core-metadata", "versions"))
    )
    if request.param != "json":
        upstream.misbehave("/simple/*", kinds.HtmlOnly())
    if request.param == "without ranges":
        upstream.misbehave("/files/*", kinds.RangeIgnored())
    return upstream


@pytest.fixture
def uv(new_client: NewClient) -> Client:
    return new_client("uv")


def compiled(uv: Client, server: Cloche, folder: Path) -> Outcome:
    """Resolve breakfast: that takes each wheel's metadata, and no wheel."""
    wanted = folder / "requirements.in"
    wanted.write_text("breakfast\n")
    return uv.run(
        *("pip", "compile", "--python", uv.python, "--index-url", server.simple),
        *("--no-annotate", "--no-header", wanted),
    )


def test_pip_installs_with_hashes_after_the_first_fetch(
    pip: Client, new_client: NewClient, cloche: Cloche, tmp_path: Path
) -> None:
    """What one pip has fetched the next one may demand by its hash, at the same URLs."""
    source = ("--index-url", cloche.simple)
    pip.succeeds("download", *source, "--dest", tmp_path / "got", "breakfast")
    assert digests(tmp_path / "got") == promised(*MEAL)
    pins = tmp_path / "requirements.txt"
    pins.write_text(menu.pinned(*MEAL))

    new_client("pip").succeeds(
        *("install", *source, "--require-hashes", "--no-deps", "--target", tmp_path / "target"),
        *("--no-build-isolation", "-r", pins),
    )

    assert installed(tmp_path / "target") == menu.VERSIONS
    for built in MEAL:
        assert listed(cloche, built.project) == promised(built)


def test_uv_resolves_by_metadata(
    uv: Client, new_client: NewClient, cloche: Cloche, upstream: Upstream, tmp_path: Path
) -> None:
    """Uv finds metadata for each wheel, and finds it again offline, after a restart."""
    online = compiled(uv, cloche, tmp_path)
    cloche.stop()
    with upstream.down(), Cloche(cloche.data, upstream=upstream.simple, offline=True) as server:
        offline = compiled(new_client("uv"), server, tmp_path)

    assert online.code == 0, online.output
    pins = [f"{name}=={version}" for name, version in sorted(menu.VERSIONS.items())]
    for outcome in (online, offline):
        assert [line for line in outcome.output.split() if "==" in line] == pins


def test_promised_metadata_is_never_missing(
    uv: Client, cloche: Cloche, upstream: Upstream, tmp_path: Path
) -> None:
    """An upstream that advertises metadata and has none does not end uv's resolution."""
    for built in WHEELS:
        upstream.add(built, metadata=False, core_metadata=True, hashes={})
    upstream.behave("/simple/*")

    outcome = compiled(uv, cloche, tmp_path)

    assert outcome.code == 0, outcome.output
    assert any(one.status == 404 for one in upstream.requests("/files/"))


@pytest.mark.parametrize(("days", "found"), [(1, True), (-1, False)])
def test_uv_locks_by_date(
    uv: Client, cloche: Cloche, tmp_path: Path, days: int, *, found: bool
) -> None:
    """With exclude-newer uv takes what was first seen before, and warns of no missing date."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    until = datetime.now(UTC) + timedelta(days=days)

    outcome = uv.run(
        *("lock", "--default-index", cloche.simple, "--python", uv.python),
        *("--exclude-newer", until.isoformat()),
        cwd=tmp_path,
    )

    assert (outcome.code == 0) is found, outcome.output
    assert "missing an upload date" not in outcome.words
