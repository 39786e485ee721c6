"""Dependency confusion against pip and uv, which know of one index: this server's."""

from pathlib import Path

import pytest

from tests.clients.client import NewClient
from tests.clients.evidence import installed
from tests.clients.installer import INSTALLERS, Installer
from tests.confusion.scene import Kind, Scene

pytestmark = pytest.mark.clients


@pytest.fixture(params=INSTALLERS)
def installer(request: pytest.FixtureRequest, new_client: NewClient) -> Installer:
    return Installer(new_client(request.param))


@pytest.mark.parametrize("kind", ["uploaded", "corporate"])
def test_the_highest_version_is_a_stranger_s(
    scene: Scene, installer: Installer, kind: Kind, tmp_path: Path
) -> None:
    """What is installed is ours, though a version 99 lies at the public index."""
    name = f"{kind}-with-{installer.client.name}"
    scene.private(kind, f"with-{installer.client.name}")
    spelled = name.upper().replace("-", "_")

    outcome = installer.install(f"{scene.server.url}/simple/", tmp_path, spelled)

    assert outcome.code == 0, outcome.output
    assert installed(tmp_path) == {name: "1.0"}
    assert scene.leaks() == []


def test_nothing_is_better_than_a_stranger_s(
    scene: Scene, installer: Installer, tmp_path: Path
) -> None:
    """While the private index is down, an installation fails; it does not take what is there."""
    name = f"corporate-down-{installer.client.name}"
    scene.private("corporate", f"down-{installer.client.name}")
    with scene.corporate.down():
        outcome = installer.install(f"{scene.server.url}/simple/", tmp_path, name)

    assert outcome.code != 0
    assert installed(tmp_path) == {}
    assert scene.leaks() == []
