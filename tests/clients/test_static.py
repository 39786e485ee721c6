"""Real installers, and plain questions, at an export that other servers hand out."""

import gzip
import http.client
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import msgspec
import pytest

from tests.clients import menu
from tests.clients.client import NewClient
from tests.clients.evidence import installed
from tests.clients.installer import INSTALLERS, Installer
from tests.packages import wheel
from tests.server import Cloche, Reply
from tests.services import web
from tests.upstream.controller import Upstream
from tests.web.forms import upload

pytestmark = pytest.mark.clients

JSON = "application/vnd.pypi.simple.v1+json"
HTML_V1 = "application/vnd.pypi.simple.v1+html"
PIP = f"{JSON}, {HTML_V1}; q=0.1, text/html; q=0.01"
LOCAL = wheel("private", "1.0+local.1")
Serving = Callable[[Path, str], AbstractContextManager[str]]


def by_nginx(target: Path, layout: str) -> AbstractContextManager[str]:
    return web.nginx(target.parent / "nginx", lambda at: configuration("nginx", target, layout, at))


def by_apache(target: Path, layout: str) -> AbstractContextManager[str]:
    made = lambda at: configuration("apache", target, layout, at)  # noqa: E731
    return web.apache(target.parent / "apache", made)


def by_python(target: Path, layout: str) -> AbstractContextManager[str]:
    return web.plain(target / "web" if layout == "bandersnatch" else target)


SERVERS: dict[str, Serving] = {"nginx": by_nginx, "apache": by_apache, "python": by_python}


def configuration(kind: str, target: Path, layout: str, address: str) -> str:
    """What `cloche export --server-config` prints."""
    asked = ("export", str(target), "--layout", layout, "--server-config", kind)
    done = subprocess.run(
        [sys.executable, "-m", "cloche", *asked, "--listen", address],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@pytest.fixture(scope="module")
def exported(upstream_process: Upstream) -> Iterator[Callable[[str], Path]]:
    """Give a function that says where an export in a layout lies; each is made once."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)  # Apache gives root's rights up
        yield _exported(Path(made), upstream_process)


def _exported(folder: Path, upstream_process: Upstream) -> Callable[[str], Path]:
    menu.serve(upstream_process)
    (folder / "wanted.txt").write_text("".join(f"{name}\n" for name in menu.VERSIONS))
    server = Cloche(folder / "data", upstream=upstream_process.simple)
    with server:
        assert upload(server.url, LOCAL, server.first_token).status == 200
        for name in menu.VERSIONS:
            assert server.get(f"/simple/{name}/").status == 200
    made: dict[str, Path] = {}

    def lies(layout: str) -> Path:
        if layout not in made:
            made[layout] = folder / layout / "target"
            made[layout].parent.mkdir()
            asked = ["--data", str(folder / "data"), "--upstream", upstream_process.simple]
            if layout == "flat":
                asked += ["--requirements", str(folder / "two.txt")]
            done = server.command("export", str(made[layout]), "--layout", layout, *asked)
            assert done.returncode == 0, done.stdout + done.stderr
        return made[layout]

    (folder / "two.txt").write_text("breakfast\nprivate\n")
    lies("simple"), lies("bandersnatch"), lies("flat")
    upstream_process.reset()
    return lies


@pytest.fixture(scope="module", params=[*SERVERS])
def served(
    request: pytest.FixtureRequest, exported: Callable[[str], Path]
) -> Iterator[tuple[str, str]]:
    """The name and the URL of each server on the export."""
    with SERVERS[request.param](exported("simple"), "simple") as url:
        yield request.param, url


CONFIGURED = pytest.mark.parametrize(
    "served", [name for name in SERVERS if name != "python"], indirect=True
)
"""The servers that a generated configuration tells what to do."""


def get(url: str, path: str, **headers: str) -> Reply:
    with closing(http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)) as asking:
        asking.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = asking.getresponse()
        return Reply(answer.status, answer.reason, answer.headers, answer.read())


@pytest.mark.parametrize("name", INSTALLERS)
def test_install(new_client: NewClient, served: tuple[str, str], tmp_path: Path, name: str) -> None:
    """Pip and uv install what was cached and what was uploaded, with all that it depends on."""
    _, url = served
    done = Installer(new_client(name)).install(
        f"{url}/simple/", tmp_path / "installed", "breakfast", "private"
    )

    assert done.code == 0, done.output
    assert installed(tmp_path / "installed") == menu.VERSIONS | {"private": "1.0+local.1"}


@pytest.mark.parametrize("kind", ["nginx", "apache"])
def test_bandersnatch_layout(
    new_client: NewClient, exported: Callable[[str], Path], tmp_path: Path, kind: str
) -> None:
    """The layout of bandersnatch is served by the same configurations."""
    target = tmp_path / "target"
    target.symlink_to(exported("bandersnatch"))
    with SERVERS[kind](target, "bandersnatch") as url:
        done = Installer(new_client("pip")).install(
            f"{url}/simple/", tmp_path / "installed", "breakfast"
        )

    assert done.code == 0, done.output
    assert installed(tmp_path / "installed") == menu.VERSIONS


@pytest.mark.parametrize("served_by", ["folder", "server"])
@pytest.mark.parametrize("name", INSTALLERS)
def test_flat_layout(
    new_client: NewClient,
    exported: Callable[[str], Path],
    tmp_path: Path,
    name: str,
    served_by: str,
) -> None:
    """A flat folder has all that the lists need, for --find-links, with no index."""
    target, installer = exported("flat"), Installer(new_client(name))
    with web.plain(target) as url:
        where = str(target) if served_by == "folder" else f"{url}/"
        done = installer.find(where, tmp_path / "installed", "breakfast", "private")

    assert done.code == 0, done.output
    assert installed(tmp_path / "installed") == menu.VERSIONS | {"private": "1.0+local.1"}


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (PIP, JSON),
        (JSON, JSON),
        ("application/vnd.pypi.simple.latest+json", JSON),
        (f"{JSON};q=0, text/html", "text/html; charset=utf-8"),
        (f"{JSON}; q=0.0, text/html", "text/html; charset=utf-8"),
        (f"text/html, {JSON};q=0.5", JSON),
        ("*/*", "text/html; charset=utf-8"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("", "text/html; charset=utf-8"),
    ],
)
@pytest.mark.parametrize("path", ["/simple/", "/simple/private/"])
@CONFIGURED
def test_negotiation(served: tuple[str, str], accept: str, kind: str, path: str) -> None:
    """By nginx and Apache whoever asks for JSON gets it, and all others HTML, compressed or not."""
    _, url = served
    plain = get(url, path, Accept=accept)
    packed = get(url, path, Accept=accept, Accept_Encoding="gzip")

    assert (plain.status, plain.headers["Content-Type"]) == (200, kind)
    assert (packed.status, packed.headers["Content-Type"]) == (200, kind)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert {"Accept", "Accept-Encoding"} <= set(plain.headers["Vary"].replace(" ", "").split(","))
    if kind == JSON:
        assert "meta" in msgspec.json.decode(plain.body)


@CONFIGURED
def test_the_rest(served: tuple[str, str]) -> None:
    """Slashes are added, files are not encoded, and what the export wrote for itself is hidden."""
    _, url = served
    said = msgspec.json.decode(get(url, "/simple/private/", Accept=JSON).body)
    (file,) = said["files"]
    found = get(url, "/simple/private/" + file["url"], Accept_Encoding="gzip")

    assert (found.status, found.body) == (200, LOCAL.content)
    assert found.headers["Content-Encoding"] is None
    assert found.headers["Content-Type"] == "application/octet-stream"
    for path in ("/simple", "/simple/private"):
        assert get(url, path).headers["Location"].endswith(path + "/")
    for path in ("/simple/none-such/", "/.cloche/export.json", "/simple/private/deeper/x"):
        assert get(url, path).status == 404
