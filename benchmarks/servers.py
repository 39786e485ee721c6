"""How each server is started, in its natural role, with one worker, on the core for servers."""

import http.client
import json
import shutil
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from benchmarks.nginx import Site, nginx
from benchmarks.packages import Index
from benchmarks.processes import (
    DEADLINE,
    SERVER_CORE,
    Child,
    Command,
    Unmeasured,
    answers,
    free_port,
    run,
    running,
)

ROOT = Path(__file__).parent.parent
BASELINE, OURS = "nginx", "cloche"


@dataclass(frozen=True, slots=True)
class Place:
    """What a server is given: a folder of its own, a port, the index, and who serves it."""

    folder: Path
    port: int
    index: Index
    upstream: str


@dataclass(frozen=True, slots=True)
class Server:
    """A server that can be started: what is run before, what runs, and what is asked of it."""

    command: Command
    port: int
    pages: str = "/simple/"
    hot_pages: str | None = None
    ready: str = "/"
    before: Command | None = None
    settle: Callable[[int], None] | None = None

    @property
    def name(self) -> str:
        return self.command.name

    @property
    def simple(self) -> str:
        """The URL to install from."""
        return f"http://127.0.0.1:{self.port}{self.pages}"

    def page(self, project: str) -> str:
        """Return the path of the page that is asked for again and again."""
        return f"{self.hot_pages or self.pages}{project}/"


@contextmanager
def started(server: Server) -> Iterator[Child]:
    """Run the server, ready to answer."""
    if server.before:
        run(server.before)
    with running(server.command) as child:
        child.wait_until(answers(server.port, server.ready))
        if server.settle:
            server.settle(server.port)
        yield child


def place(folder: Path, index: Index, upstream: str) -> Place:
    folder.mkdir(parents=True, exist_ok=True)
    return Place(folder, free_port(), index, upstream)


def _baseline(place: Place) -> Server:
    return _nginx(BASELINE, place, log=False)


def _logging_baseline(place: Place) -> Server:
    return _nginx(f"{BASELINE} with its log", place, log=True)


def _nginx(name: str, place: Place, *, log: bool) -> Server:
    listen = f"127.0.0.1:{place.port}"
    command = nginx(name, Site(place.index.tree, place.folder, listen, log), cores=SERVER_CORE)
    return Server(command, place.port, hot_pages="/hot/", ready="/simple/")


def cloche(place: Place) -> Server:
    """Return cloche as anyone starts it, with the synthetic upstream in place of PyPI."""
    words: list[object] = [ROOT / ".venv/bin/cloche", "serve", "--data", place.folder / "data"]
    words += ["--port", str(place.port), "--upstream", place.upstream]
    return Server(pinned(OURS, words, place), place.port, ready="/-/ready")


def configured(place: Place, name: str, config: Path) -> Server:
    """Return cloche with settings of its own, and a name of its own."""
    words: list[object] = [ROOT / ".venv/bin/cloche", "serve", "--data", place.folder / "data"]
    words += ["--port", str(place.port), "--config", config]
    return Server(pinned(name, words, place), place.port, ready="/-/ready")


def _devpi(place: Place) -> Server:
    """Return a devpi with one index, a mirror of the upstream."""
    data = ["--serverdir", place.folder / "data"]
    init = [tool("devpi", "devpi-init"), *data, "--no-root-pypi"]
    words: list[object] = [tool("devpi", "devpi-server"), *data, "--port", str(place.port)]

    def settle(port: int) -> None:
        _make_mirror(port, place.upstream)

    return Server(
        pinned("devpi-server", words, place),
        place.port,
        pages="/root/bench/+simple/",
        ready="/+api",
        before=pinned("devpi-init", init, place),
        settle=settle,
    )


def _make_mirror(port: int, upstream: str) -> None:
    options = {"type": "mirror", "volatile": False, "mirror_url": upstream}
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    headers["X-Devpi-Auth"] = b64encode(b"root:").decode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    connection.request("PUT", "/root/bench", json.dumps(options), headers)
    reply = connection.getresponse()
    said = reply.read(300).decode(errors="replace")
    connection.close()
    if reply.status != http.HTTPStatus.OK:
        raise Unmeasured(f"devpi-server made no mirror: {reply.status} {said}")


def _pypiserver(place: Place) -> Server:
    """Return a pypiserver on the folder of all files, set up like its container image."""
    words: list[object] = [tool("pypiserver", "pypi-server"), "run", "--port", str(place.port)]
    words += ["--interface", "127.0.0.1", "--disable-fallback", "--server", "gunicorn"]
    words += ["--backend", "cached-dir", place.index.tree / "files"]
    env = {"GUNICORN_CMD_ARGS": "--workers 1 --worker-class gevent --preload"}
    return Server(pinned("pypiserver", words, place, env), place.port, ready="/health")


def _proxpi(place: Place) -> Server:
    """Return a proxpi set up like its container image: one worker of two threads."""
    words: list[object] = [
        tool("proxpi", "gunicorn"),
        "--preload",
        "--workers",
        "1",
        "--threads",
        "2",
    ]
    words += ["--bind", f"127.0.0.1:{place.port}", "proxpi.server:app"]
    cache = place.folder / "cache"
    env = {"PROXPI_INDEX_URL": place.upstream, "PROXPI_CACHE_DIR": str(cache)}
    command = pinned("proxpi", words, place, env)
    return Server(command, place.port, pages="/index/", ready="/health")


def _simple_repository_server(place: Place) -> Server:
    name = "simple-repository-server"
    words: list[object] = [
        tool(name, name),
        "--host",
        "127.0.0.1",
        "--port",
        str(place.port),
        place.upstream,
    ]
    return Server(pinned(name, words, place), place.port, ready="/simple/")


SERVERS: dict[str, Callable[[Place], Server]] = {
    BASELINE: _baseline,
    f"{BASELINE} with its log": _logging_baseline,
    OURS: cloche,
    "devpi-server": _devpi,
    "pypiserver": _pypiserver,
    "proxpi": _proxpi,
    "simple-repository-server": _simple_repository_server,
}
PEERS = tuple(name for name in SERVERS if not name.startswith((BASELINE, OURS)))


def versions() -> dict[str, str]:
    """Return the versions of cloche and of the peers that are installed."""
    homes = [ROOT / ".venv", *sorted((ROOT / ".venvs").glob("bench-*"))]
    found = {
        distribution.metadata["Name"]: distribution.version
        for home in homes
        for distribution in distributions(path=[str(p) for p in home.glob("lib/*/site-packages")])
    }
    return {name: found[name] for name in (OURS, *PEERS) if name in found}


def forget(place: Place) -> None:
    """Drop all that a server kept, so that its next start is its first."""
    shutil.rmtree(place.folder)
    place.folder.mkdir()


def tool(environment: str, name: str) -> Path:
    return ROOT / f".venvs/bench-{environment}/bin/{name}"


def pinned(
    name: str, words: Sequence[object], place: Place, env: dict[str, str] | None = None
) -> Command:
    return Command(name, words, place.folder, SERVER_CORE, env)
