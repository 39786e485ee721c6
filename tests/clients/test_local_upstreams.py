"""pip and uv over a folder, a page of links, and an index that they are redirected to."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.clients.client import NewClient
from tests.clients.evidence import installed
from tests.clients.installer import Installer
from tests.packages import sdist, wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.clients

ACME = wheel("acme", "1.0", requires=["eggs"])
EGGS = wheel("eggs", "2.0")


@pytest.fixture(params=["pip", "uv"])
def installer(request: pytest.FixtureRequest, new_client: NewClient) -> Installer:
    return Installer(new_client(request.param))


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    return folder


@contextmanager
def serving(tmp_path: Path, upstream: Upstream, settings: str) -> Iterator[Cloche]:
    config = tmp_path / "cloche.toml"
    config.write_text(f'{settings}\n[upstream.pypi]\nurl = "{upstream.simple}"\n')
    with Cloche(tmp_path / "data", config=config) as server:
        yield server


def test_a_folder_in_front_of_pypi(
    installer: Installer, packages: Path, upstream: Upstream, tmp_path: Path
) -> None:
    """A file in the folder installs with its public dependency, and is never looked for outside."""
    ACME.write(packages)
    upstream.add(wheel("acme", "9.0"))
    upstream.add(EGGS)
    settings = f'[upstream.own]\nkind = "directory"\npath = "{packages}"\n'
    settings += '[index.main]\nsources = ["own", "pypi"]\n'
    with serving(tmp_path, upstream, settings) as server:
        outcome = installer.install(server.simple, tmp_path / "target", "acme")

    assert outcome.code == 0, outcome.output
    assert installed(tmp_path / "target") == {"acme": "1.0", "eggs": "2.0"}
    assert not upstream.requests("/simple/acme/")


def test_a_file_is_there_as_soon_as_it_is_copied(
    packages: Path, upstream: Upstream, tmp_path: Path
) -> None:
    """What comes into the folder is on the page that is asked for next, and what goes is not."""
    settings = f'[upstream.own]\nkind = "directory"\npath = "{packages}"\n'
    settings += '[index.main]\nsources = ["own"]\n'
    with serving(tmp_path, upstream, settings) as server:
        assert server.get("/simple/acme/").status == 404
        path = ACME.write(packages)
        assert ACME.sha256 in server.get("/simple/acme/").body.decode()
        other = sdist("acme", "2.0").write(packages)
        assert other.name in server.get("/simple/acme/").body.decode()
        path.unlink()
        assert path.name not in server.get("/simple/acme/").body.decode()
        other.unlink()
        assert server.get("/simple/acme/").status == 404


def test_a_folder_is_served_offline(packages: Path, upstream: Upstream, tmp_path: Path) -> None:
    """Offline means that nobody is asked; a folder of this machine is nobody."""
    ACME.write(packages)
    settings = (
        f'[server]\noffline = true\n[upstream.own]\nkind = "directory"\npath = "{packages}"\n'
    )
    settings += '[index.main]\nsources = ["own"]\n'
    with serving(tmp_path, upstream, settings) as server:
        assert server.get("/simple/acme/").status == 200


def test_a_page_of_links(installer: Installer, upstream: Upstream, tmp_path: Path) -> None:
    """Files of a page of links install, each as one of its project."""
    upstream.add(ACME)
    upstream.add(EGGS)
    settings = f'[upstream.flat]\nkind = "links"\nurl = "{upstream.links}"\n'
    settings += '[index.main]\nsources = ["flat"]\n'
    with serving(tmp_path, upstream, settings) as server:
        outcome = installer.install(server.simple, tmp_path / "target", "acme")

    assert outcome.code == 0, outcome.output
    assert installed(tmp_path / "target") == {"acme": "1.0", "eggs": "2.0"}


def test_redirected_to_the_upstream(
    installer: Installer, packages: Path, upstream: Upstream, tmp_path: Path
) -> None:
    """What is not here is fetched by the client itself, from the upstream, and not kept."""
    ACME.write(packages)
    upstream.add(wheel("acme", "9.0"))
    upstream.add(EGGS)
    settings = f'[upstream.own]\nkind = "directory"\npath = "{packages}"\n'
    settings += '[index.main]\nsources = ["own", "outside"]\n'
    settings += f'[upstream.outside]\nurl = "{upstream.simple}"\nmode = "redirect"\n'
    with serving(tmp_path, upstream, settings) as server:
        outcome = installer.install(server.simple, tmp_path / "target", "acme")
        reply = server.get("/simple/eggs/")
        assert server.get("/packages/main/eggs/" + "0" * 64 + "/eggs.whl").status == 404

    assert outcome.code == 0, outcome.output
    assert installed(tmp_path / "target") == {"acme": "1.0", "eggs": "2.0"}
    assert not upstream.requests("/simple/acme/")
    assert (reply.status, reply.headers["location"]) == (302, f"{upstream.simple}eggs/")
    assert reply.headers["cache-control"] == "no-store"
