"""pip's own ways: downloads to compare, reports, hashes, dates."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients import menu
from tests.clients.client import Client, NewClient
from tests.clients.evidence import digests, promised
from tests.server import Cloche
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.clients

ENDS: dict[str, Callable[[Cloche], None]] = {"stopped": Cloche.stop, "killed": Cloche.kill}


@pytest.fixture(autouse=True)
def _menu(upstream: Upstream) -> None:
    menu.serve(upstream)


def download(pip: Client, server: Cloche, folder: Path, *arguments: str) -> dict[str, str]:
    """Download, and return the digests of what arrived."""
    pip.succeeds("download", "--index-url", server.simple, "--dest", folder, *arguments)
    return digests(folder)


@pytest.mark.parametrize("end", ENDS)
def test_downloads_are_the_upstreams_bytes_also_offline(
    *,
    end: str,
    pip: Client,
    new_client: NewClient,
    cloche: Cloche,
    upstream: Upstream,
    tmp_path: Path,
) -> None:
    """What pip downloads is the upstream's, byte for byte, and again after a restart offline."""
    first = download(pip, cloche, tmp_path / "first", "breakfast")
    ENDS[end](cloche)

    with upstream.down(), Cloche(cloche.data, upstream=upstream.simple, offline=True) as server:
        second = download(new_client(pip.name), server, tmp_path / "second", "breakfast")

    assert first == promised(*menu.MEAL)
    assert second == first


def test_an_sdist_is_the_upstreams_bytes(pip: Client, cloche: Cloche, tmp_path: Path) -> None:
    """An sdist arrives as it lies on the upstream."""
    got = download(pip, cloche, tmp_path / "got", "--no-deps", "--no-binary=:all:", "toast")

    assert got == promised(menu.TOAST)


def test_pip_hash_agrees(pip: Client, cloche: Cloche, tmp_path: Path) -> None:
    """`pip hash` of a downloaded file is the digest that the upstream lists."""
    download(pip, cloche, tmp_path / "got", "salt")

    outcome = pip.succeeds("hash", tmp_path / "got" / menu.SALT.filename)

    assert f"--hash=sha256:{menu.SALT.sha256}" in outcome.words


def test_a_report_names_this_server(pip: Client, cloche: Cloche, tmp_path: Path) -> None:
    """`pip install --report` resolves without a download, and says where each file is: here."""
    report = tmp_path / "report.json"

    pip.succeeds(
        *("install", "--index-url", cloche.simple, "--ignore-installed", "--dry-run"),
        *("--quiet", "--report", report, "breakfast"),
    )

    found = {one["metadata"]["name"]: one for one in json.loads(report.read_text())["install"]}
    assert {name: one["metadata"]["version"] for name, one in found.items()} == menu.VERSIONS
    for built in menu.MEAL:
        origin = found[built.name]["download_info"]
        assert origin["url"].startswith(f"{cloche.url}/packages/")
        assert origin["archive_info"]["hash"] == f"sha256={built.sha256}"


def test_metadata_is_read_without_the_wheel(
    new_client: NewClient, cloche: Cloche, tmp_path: Path
) -> None:
    """A dry run of a wheel that has its metadata beside it downloads metadata alone."""
    outcome = new_client("pip").succeeds(
        *("install", "--index-url", cloche.simple, "--target", tmp_path / "target"),
        *("--dry-run", "--verbose", "salt"),
    )

    assert f"Would install salt-{menu.SALT.version}" in outcome.words
    assert f"{menu.SALT.filename}.metadata (" in outcome.words
    assert f"{menu.SALT.filename} (" not in outcome.words


def test_all_versions_are_listed(pip: Client, cloche: Cloche) -> None:
    """`pip index versions` lists what the upstream has."""
    outcome = pip.succeeds("index", "versions", "--index-url", cloche.simple, "breakfast")

    assert "Available versions: 2.0, 1.0" in outcome.words
