"""Tools that carry an index away in part, and what mirrors ask PyPI for."""

import hashlib
import json
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest

from tests.clients.client import Client, NewClient
from tests.clients.evidence import digests, promised
from tests.packages import Built, sdist, wheel
from tests.server import Cloche
from tests.web.forms import upload
from tests.web.tokens import basic

pytestmark = pytest.mark.clients

CONFIG = """
[index.main]
default = true
sources = ["team"]

[index.team]
uploads = true
read = "authenticated"

[index.open]
uploads = true
"""
ACME = wheel("acme", "1.0", requires=["brie>=1"])
ACME_SOURCE = sdist("acme", "1.0")
BRIE = wheel("brie", "1.0"), wheel("brie", "2.0")


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloche]:
    """Run a server whose one index takes a token to read."""
    folder = tmp_path_factory.mktemp("private")
    config = folder / "cloche.toml"
    config.write_text(CONFIG)
    with Cloche(folder / "data", config=config) as server:
        for index in ("team", "open"):
            published(server, index, ACME, ACME_SOURCE, *BRIE)
        yield server


def published(server: Cloche, index: str, *files: Built) -> None:
    token = server.token("upload", index=index)
    for built in files:
        assert upload(server.url, built, token, f"/{index}/legacy/").status == 200


def address(server: Cloche) -> str:
    """The server's, with the credentials of somebody who may read all of it."""
    return server.url.replace("//", f"//__token__:{server.token('read', index='*')}@")


def mirrors(new_client: NewClient, command: str) -> Client:
    client = new_client("mirrors")
    if (reason := client.bin.parent / "why-not").exists():
        pytest.skip(reason.read_text())  # no Python here that this client runs on
    return Client(client.name, client.home, command)


def test_pypi_mirror(private: Cloche, new_client: NewClient, tmp_path: Path) -> None:
    """pypi-mirror downloads what a project needs, with a token in the URL."""
    client = mirrors(new_client, "pypi-mirror")
    wanted = ("-i", f"{address(private)}/simple/", "-b", "acme")
    client.succeeds("download", "-d", tmp_path / "down", "-p", client.bin / "pip", *wanted)

    for path in (tmp_path / "down").glob("*.metadata.json"):
        path.unlink()  # the tool's own
    assert digests(tmp_path / "down") == promised(ACME, BRIE[1])


def test_pip2pi(private: Cloche, new_client: NewClient, tmp_path: Path) -> None:
    """pip2pi makes an index of what a project needs, with a token in the URL."""
    client = mirrors(new_client, "pip2pi")
    path = {"PATH": f"{client.bin}:/usr/bin:/bin"}
    client.succeeds(tmp_path / "pi", "-i", f"{address(private)}/simple/", "acme", env=path)

    for built in (ACME, BRIE[1]):
        held = tmp_path / "pi" / "simple" / built.filename.partition("-")[0] / built.filename
        assert held.resolve().read_bytes() == built.content


def test_morgan(private: Cloche, new_client: NewClient, tmp_path: Path) -> None:
    """morgan, which knows no credentials, mirrors what a project needs of an open index."""
    client = mirrors(new_client, "morgan")
    folder = tmp_path / "index"
    folder.mkdir()
    made = client.succeeds("-i", folder, "-e", "here", "generate_env", cwd=folder)
    said = made.output[made.output.index("[env.") :] if "[env." in made.output else ""
    (folder / "morgan.ini").write_text(f"{said}\n[requirements]\nacme = >=1.0\n")
    client.succeeds("-i", folder, "-I", f"{private.url}/open/simple/", "mirror", cwd=folder)

    assert (folder / "acme" / ACME.filename).read_bytes() == ACME.content


def test_what_shadowmire_asks(private: Cloche) -> None:
    """Serials by XML-RPC, projects as JSON, files and their metadata by absolute addresses."""
    token = private.token("read", index="*")
    with xmlrpc.client.ServerProxy(f"{address(private)}/pypi") as proxy:
        serials = cast("dict[str, int]", proxy.list_packages_with_serial())
        assert max(serials.values()) == proxy.changelog_last_serial()
    assert serials.keys() == {"acme", "brie"}

    for project, serial in serials.items():
        reply = private.get(f"/pypi/{project}/json", basic(token))
        said: dict[str, Any] = json.loads(reply.body)
        assert int(reply.headers["x-pypi-last-serial"]) == said["last_serial"] == serial
        files = [file for files in said["releases"].values() for file in files]
        assert files
        for file in files:
            same(private, token, file)


def same(server: Cloche, token: str, file: dict[str, Any]) -> None:
    """The bytes are those that the document promises, and only a token has them."""
    path = urlsplit(file["url"]).path
    assert path.startswith("/packages/")
    assert server.get(path).status == 401
    reply = server.get(path, basic(token))
    assert hashlib.sha256(reply.body).hexdigest() == file["digests"]["sha256"]
    if file["core-metadata"]:
        beside = server.get(f"{path}.metadata", basic(token)).body
        assert hashlib.sha256(beside).hexdigest() == file["core-metadata"]["sha256"]
