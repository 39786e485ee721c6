"""What pip and uv must both get from the one URL, over time and in bad times."""

from pathlib import Path

import pytest

from tests.clients import menu
from tests.clients.client import NewClient, Publish
from tests.clients.evidence import installed
from tests.clients.installer import INSTALLERS, Installer
from tests.packages import wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.clients

ACME = wheel("acme", "1.0", requires=["eggs"])
ACME_ELSEWHERE = wheel("acme", "9.0")
AUTHENTICATED = '[index.main]\nread = "authenticated"\nsources = ["pypi"]\n'


@pytest.fixture(params=INSTALLERS)
def installer(request: pytest.FixtureRequest, new_client: NewClient) -> Installer:
    return Installer(new_client(request.param))


@pytest.fixture(autouse=True)
def _menu(upstream: Upstream) -> None:
    menu.serve(upstream)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


def test_what_was_installed_can_be_installed_again_without_the_upstream(
    installer: Installer, new_client: NewClient, cloche: Cloche, upstream: Upstream, tmp_path: Path
) -> None:
    """A client that has never seen the files gets them from a server that is cut off."""
    for name in menu.VERSIONS:
        upstream.project(name, max_age=0)
    first = installer.install(cloche.simple, tmp_path / "first", "breakfast")
    assert first.code == 0, first.output

    with upstream.down():
        stranger = Installer(new_client(installer.client.name))
        second = stranger.install(cloche.simple, tmp_path / "second", "breakfast")

    assert second.code == 0, second.output
    assert installed(tmp_path / "second") == menu.VERSIONS


def test_what_was_installed_can_be_installed_again_offline(
    installer: Installer, new_client: NewClient, cloche: Cloche, upstream: Upstream, tmp_path: Path
) -> None:
    """After a restart with --offline, a new client's files still have the upstream's digests."""
    first = installer.install(cloche.simple, tmp_path / "first", "breakfast")
    assert first.code == 0, first.output
    cloche.stop()
    hashes = tmp_path / "requirements.txt"
    hashes.write_text(menu.pinned(*menu.MEAL))

    with upstream.down(), Cloche(cloche.data, upstream=upstream.simple, offline=True) as server:
        stranger = Installer(new_client(installer.client.name))
        again = stranger.install(
            server.simple, tmp_path / "second", "--require-hashes", "-r", hashes
        )

    assert again.code == 0, again.output
    assert installed(tmp_path / "second") == menu.VERSIONS


def test_a_project_never_asked_for_is_not_there_offline(
    installer: Installer, cloche: Cloche, upstream: Upstream, target: Path
) -> None:
    """Offline, what was never kept cannot be installed, and the upstream is not asked for it."""
    cloche.stop()

    with Cloche(cloche.data, upstream=upstream.simple, offline=True) as server:
        outcome = installer.install(server.simple, target, "salt")
        status = server.get("/simple/salt/").status

    assert outcome.code != 0
    assert status == 503  # Not 404: that would send clients on to another index.
    assert upstream.requests() == []


def test_a_private_project_hides_the_public_one(
    installer: Installer, publish: Publish, cloche: Cloche, upstream: Upstream, target: Path
) -> None:
    """A stranger's newer acme is never installed, and its index never hears of ours."""
    publish(ACME)
    upstream.add(ACME_ELSEWHERE)

    ours = installer.install(cloche.simple, target, "acme")
    theirs = installer.install(cloche.simple, target / "theirs", "acme>=9")

    assert ours.code == 0, ours.output
    assert installed(target)["acme"] == "1.0"
    assert theirs.code != 0
    assert [one.path for one in upstream.requests() if "acme" in one.path] == []


def test_a_yanked_version_is_passed_over(
    installer: Installer, cloche: Cloche, upstream: Upstream, target: Path
) -> None:
    """A yanked version is not chosen; who insists on it gets it, and the reason."""
    upstream.add(wheel("salt", "2.0"), yanked="too coarse")

    chosen = installer.install(cloche.simple, target / "chosen", "salt")
    insisted = installer.install(cloche.simple, target / "insisted", "salt==2.0")

    assert chosen.code == 0, chosen.output
    assert installed(target / "chosen") == {"salt": "1.0"}
    assert insisted.code == 0, insisted.output
    assert installed(target / "insisted") == {"salt": "2.0"}
    assert "too coarse" in insisted.words


def test_a_version_for_another_python_is_passed_over(
    installer: Installer, cloche: Cloche, upstream: Upstream, target: Path
) -> None:
    """What a file requires of Python passes through the cache."""
    upstream.add(wheel("salt", "2.0", requires_python=">=99"))

    outcome = installer.install(cloche.simple, target, "salt")

    assert outcome.code == 0, outcome.output
    assert installed(target) == {"salt": "1.0"}


def test_a_local_version_can_be_hosted(
    installer: Installer, publish: Publish, cloche: Cloche, target: Path
) -> None:
    """A version with a plus in it survives the way through two URLs."""
    publish(wheel("acme", "1.0+ours.1"))

    outcome = installer.install(cloche.simple, target, "acme==1.0+ours.1")

    assert outcome.code == 0, outcome.output
    assert installed(target) == {"acme": "1.0+ours.1"}


def test_a_private_index_without_good_credentials_says_so(
    installer: Installer, upstream: Upstream, tmp_path: Path, target: Path
) -> None:
    """Without a token, nothing installs and the client speaks of a 401."""
    config = tmp_path / "cloche.toml"
    config.write_text(AUTHENTICATED)

    with Cloche(tmp_path / "data", upstream=upstream.simple, config=config) as server:
        outcome = installer.install(server.simple, target, *_explanations(installer), "salt")

    assert outcome.code != 0
    assert outcome.names(401)
    assert upstream.requests() == []


def _explanations(installer: Installer) -> tuple[str, ...]:
    """Return the options that make the client say why it passed a page over; uv needs none."""
    return () if installer.client.name == "uv" else ("-vv",)
