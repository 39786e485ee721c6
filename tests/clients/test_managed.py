"""What pip and uv make of releases that were yanked or quarantined here."""

from pathlib import Path

import pytest

from tests.clients.client import NewClient
from tests.clients.evidence import installed
from tests.clients.installer import Installer
from tests.packages import wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.web.api.managing import Manager, place

pytestmark = pytest.mark.clients

OLD, NEW = wheel("cl-managed", "1.0"), wheel("cl-managed", "2.0")


@pytest.fixture(params=["pip", "uv"])
def installer(request: pytest.FixtureRequest, new_client: NewClient) -> Installer:
    return Installer(new_client(request.param))


@pytest.fixture
def admin(cloche: Cloche, upstream: Upstream) -> Manager:
    for built in (OLD, NEW):
        upstream.add(built)
    return Manager(cloche, cloche.token("admin"))


def test_a_yank_here_is_heeded(
    installer: Installer, cloche: Cloche, admin: Manager, tmp_path: Path
) -> None:
    """A version that is yanked here only is passed over, unless it is pinned: then they say why."""
    reason = "loses data on Mondays"
    admin.do("POST", place("cl-managed", "versions", "2.0", "yank"), {"reason": reason})

    free = installer.install(cloche.simple, tmp_path / "free", "cl-managed")
    assert free.code == 0, free.output
    assert installed(tmp_path / "free") == {"cl-managed": "1.0"}

    pinned = installer.install(cloche.simple, tmp_path / "pinned", "cl-managed==2.0")
    assert pinned.code == 0, pinned.output
    assert installed(tmp_path / "pinned") == {"cl-managed": "2.0"}
    assert reason in pinned.words


def test_a_quarantine_ends_installations(
    installer: Installer, cloche: Cloche, admin: Manager, tmp_path: Path
) -> None:
    """A quarantined project is not installed: not by name, and not by a URL that somebody kept."""
    before = installer.install(cloche.simple, tmp_path / "before", "cl-managed==1.0")
    assert before.code == 0, before.output
    kept = f"{cloche.url}/packages/main/cl-managed/{OLD.sha256}/{OLD.filename}"

    admin.do("PUT", place("cl-managed", "status"), {"status": "quarantined", "reason": "malware"})

    by_name = installer.install(cloche.simple, tmp_path / "after", "cl-managed")
    by_url = installer.install(cloche.simple, tmp_path / "after", f"cl-managed @ {kept}")

    assert by_name.code != 0
    assert by_url.code != 0
    assert "cl-managed is quarantined (malware)" in by_url.words
    assert installed(tmp_path / "after") == {}
