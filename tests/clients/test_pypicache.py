"""pip with pypicache's two addresses: the proxy, and what it has left behind."""

from pathlib import Path

import pytest

from tests.clients import menu
from tests.clients.client import NewClient
from tests.clients.evidence import installed
from tests.clients.installer import INSTALLERS, Installer
from tests.server import Cloche
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.clients


@pytest.mark.parametrize("name", INSTALLERS)
def test_local_has_what_was_installed(
    name: str, new_client: NewClient, cloche: Cloche, upstream: Upstream, tmp_path: Path
) -> None:
    """What was installed by `/simple` installs from `/local` with the upstream cut off."""
    menu.serve(upstream)
    first = Installer(new_client(name)).install(
        f"{cloche.url}/simple", tmp_path / "first", "breakfast"
    )
    assert first.code == 0, first.output

    with upstream.down():
        second = Installer(new_client(name)).install(
            f"{cloche.url}/local", tmp_path / "second", "breakfast"
        )

    assert second.code == 0, second.output
    assert installed(tmp_path / "second") == menu.VERSIONS
