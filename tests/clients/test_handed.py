"""Real installers where somebody else hands out the files: nginx as the guide has it, and S3."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.clients import menu
from tests.clients.client import NewClient
from tests.clients.evidence import installed
from tests.clients.installer import INSTALLERS, Installer
from tests.clients.test_static import get
from tests.docs import markdown
from tests.packages import wheel
from tests.server import Cloche
from tests.services import web
from tests.services.s3 import Server
from tests.upstream.controller import Upstream
from tests.waiting import until
from tests.web.forms import upload

pytestmark = pytest.mark.clients

PRIVATE = wheel("private", "1.0+local.1", size=9000)
EVERY = [*menu.MEAL, PRIVATE]
ACCELERATED = """
[server]
trusted_proxies = ["127.0.0.1"]
[store]
x_accel = "/-/blobs/"
"""
REDIRECTING = """
[store]
blobs = "{s3.url}"
redirect_files = true
[store.s3]
endpoint = "{s3.endpoint}"
region = "here"
access_key_id = "{s3.access_key}"
secret_access_key = "{s3.secret_key}"
"""
INDEX = """
[upstream.pypi]
url = "{upstream}"
[index.main]
uploads = true
sources = ["pypi"]
read = "{read}"
"""


def place(filename: str) -> str:
    built = next(each for each in EVERY if each.filename == filename)
    return f"/packages/main/{built.project}/{built.sha256}/{built.filename.replace('+', '%2B')}"


@contextmanager
def filled(folder: Path, upstream: Upstream, text: str, read: str = "anyone") -> Iterator[Cloche]:
    """A server that keeps all that the tests install."""
    menu.serve(upstream)
    file = folder / "cloche.toml"
    file.write_text(text + INDEX.format(upstream=upstream.simple, read=read))
    with Cloche(folder / "data", config=file) as server:
        assert upload(server.url, PRIVATE, server.first_token).status == 200
        reader = {"Authorization": f"Bearer {server.first_token}"}
        for built in menu.MEAL:
            assert server.get(place(built.filename), reader).status == 200
        for built in EVERY:
            path, can = place(built.filename), {**reader, "X-Sendfile-Type": "X-Accel-Redirect"}
            until(lambda path=path, can=can: server.get(path, can).body == b"")  # type: ignore[misc]  # defaults bind them
        yield server
    upstream.reset()


@pytest.fixture(scope="module")
def accelerated(
    tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream
) -> Iterator[Cloche]:
    folder = tmp_path_factory.mktemp("accelerated")
    with filled(folder, upstream_process, ACCELERATED) as server:
        yield server


@pytest.fixture(scope="module")
def front(accelerated: Cloche, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an nginx in front that is set up as the guide says."""
    with nginx(accelerated, tmp_path_factory.mktemp("front")) as url:
        yield url


@pytest.fixture(scope="module")
def redirecting(
    tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream, s3_process: Server
) -> Iterator[Cloche]:
    """A server that sends those who may read it to the bucket."""
    folder, text = (
        tmp_path_factory.mktemp("redirecting"),
        REDIRECTING.format(s3=s3_process.bucket()),
    )
    with filled(folder, upstream_process, text, "authenticated") as server:
        yield server


def configuration(server: Cloche, blobs: Path, address: str) -> str:
    """What the guide says, for this server and without TLS."""
    [block] = [each for each in markdown.blocks("nginx") if "X-Sendfile-Type" in each.body]
    text = re.sub(r" *ssl_\w+ .*\n", "", block.body)
    for said, meant in (
        ("127.0.0.1:8080", server.url.removeprefix("http://")),
        ("443 ssl", address),
        ("/var/lib/cloche/blobs", str(blobs)),
    ):
        assert text.count(said) == 1, said
        text = text.replace(said, meant)
    return text


@contextmanager
def nginx(server: Cloche, folder: Path, blobs: Path | None = None) -> Iterator[str]:
    found = blobs or server.data / "blobs"
    with web.nginx(folder / "nginx", lambda at: configuration(server, found, at)) as url:
        yield url


def has_sent(server: Cloche, name: str, answer: tuple[str, str]) -> bool:
    """Whether each distribution was asked for by this installer, and each time answered so."""
    pattern = rf" (\d{{3}}) GET (/packages/\S+) (\d+)B .* \"{name}/"
    found: dict[str, set[tuple[str, str]]] = {each.filename: set() for each in EVERY}
    for status, path, size in re.findall(pattern, server.log):
        found.setdefault(unquote(path).rpartition("/")[2], set()).add((status, size))
    return all(found[each.filename] == {answer} for each in EVERY)


@pytest.mark.parametrize("name", INSTALLERS)
def test_install_through_nginx(
    new_client: NewClient, accelerated: Cloche, front: str, tmp_path: Path, name: str
) -> None:
    """What is kept, uploads too, is installed from nginx; the server sends no byte of it."""
    done = Installer(new_client(name)).install(
        f"{front}/simple/", tmp_path / "installed", "breakfast", "private"
    )

    assert done.code == 0, done.output
    assert installed(tmp_path / "installed") == menu.VERSIONS | {"private": "1.0+local.1"}
    until(lambda: has_sent(accelerated, name, ("200", "0")))


def test_what_nginx_says(front: str) -> None:
    """From the disk it comes as from the server, whole or in part: with its ETag and headers."""
    path, tag = place(PRIVATE.filename), f'"{PRIVATE.sha256}"'
    whole = get(front, path)
    part = get(front, path, Range="bytes=10-19", If_Range=tag)
    end = get(front, path, Range="bytes=-10")
    changed = get(front, path, Range="bytes=10-19", If_Range='"another"')
    beyond = get(front, path, Range="bytes=9000-")
    known = get(front, path, If_None_Match=tag)
    held = get(front, path, If_Match=tag)
    inside = get(front, f"/-/blobs/sha256/{PRIVATE.sha256[:2]}/{PRIVATE.sha256}")

    assert (whole.status, whole.body) == (200, PRIVATE.content)
    assert "last-modified" in whole.headers  # the server has none: it is nginx that speaks
    assert [whole.headers.get_all(name) for name in ("etag", "accept-ranges", "content-type")] == [
        [tag],
        ["bytes"],
        ["application/octet-stream"],
    ]
    assert whole.headers["cache-control"] == "public, max-age=365000000, immutable"
    assert whole.headers.get_all("x-content-type-options") == ["nosniff"]
    assert "x-accel-redirect" not in whole.headers
    assert (part.status, part.body) == (206, PRIVATE.content[10:20])
    assert (end.status, end.body) == (206, PRIVATE.content[-10:])
    assert (changed.status, changed.body) == (200, PRIVATE.content)
    assert (beyond.status, known.status) == (416, 304)
    assert (held.status, held.body) == (200, PRIVATE.content)
    assert inside.status == 404


def test_what_nginx_does_not_find(accelerated: Cloche, tmp_path: Path) -> None:
    """A blob that went in the meantime, or cannot be read, costs no error: the server sends it."""
    (tmp_path / "empty").mkdir()
    with nginx(accelerated, tmp_path, blobs=tmp_path / "empty") as url:
        reply = get(url, place(PRIVATE.filename))
        part = get(url, place(PRIVATE.filename), Range="bytes=10-19")
        missing = get(url, "/packages/main/private/" + "0" * 64 + "/private-2.0.tar.gz")

    assert (reply.status, reply.body) == (200, PRIVATE.content)
    assert (part.status, part.body) == (206, PRIVATE.content[10:20])
    assert missing.status == 404


@pytest.mark.parametrize("name", INSTALLERS)
def test_install_from_the_bucket(
    new_client: NewClient, redirecting: Cloche, tmp_path: Path, name: str
) -> None:
    """What is kept comes from the bucket, also to those whose credentials the bucket must not see.

    S3 refuses whoever brings a signature and an Authorization header.
    """
    url = redirecting.url.replace("http://", f"http://__token__:{redirecting.first_token}@")
    done = Installer(new_client(name)).install(
        f"{url}/simple/", tmp_path / "installed", "breakfast", "private"
    )

    assert done.code == 0, done.output
    assert installed(tmp_path / "installed") == menu.VERSIONS | {"private": "1.0+local.1"}
    until(lambda: has_sent(redirecting, name, ("307", "0")))
