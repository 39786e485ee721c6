"""The two loads: wrk asking for one thing again and again, and uv or pip installing a graph."""

import gzip
import http.client
import json
import math
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from benchmarks.packages import GRAPH_ROOT
from benchmarks.processes import DEADLINE, LOAD_CORE, Command, Unmeasured, run

LUA = Path(__file__).with_name("wrk.lua")
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of a name of its own is made in it
UV = Path(sys.executable).with_name("uv")
HEADERS = {
    "Accept": "application/vnd.pypi.simple.v1+json",
    "Accept-Encoding": "gzip, deflate",  # as pip sends it
    "User-Agent": "cloche-benchmark",
}
CONNECTIONS = 16
PATIENCE = 180.0  # seconds for an installation
SLOW, SLOW_CONNECTIONS = 0.05, 2
"""A page that takes longer than this (in seconds) is asked for on fewer connections at a time,
for a round to end with few requests half done."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it came over the wire, and how long it took."""

    content_type: str
    encoding: str
    wire: bytes
    seconds: float

    @property
    def body(self) -> bytes:
        return gzip.decompress(self.wire) if self.encoding == "gzip" else self.wire

    @property
    def filenames(self) -> set[str]:
        if self.content_type.endswith("json"):
            return {file["filename"] for file in json.loads(self.body)["files"]}
        anchors = _Anchors()
        anchors.feed(self.body.decode())
        return anchors.texts


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: set[str] = set()
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._inside = tag == "a"

    def handle_data(self, data: str) -> None:
        if self._inside and data.strip():
            self.texts.add(data.strip())
        self._inside = False


def ask(url: str, **headers: str) -> Page:
    """GET the page once; Unmeasured unless it answers 200 itself, without a redirect."""
    parts = urlsplit(url)
    began = time.perf_counter()
    connection = http.client.HTTPConnection(parts.netloc, timeout=DEADLINE)
    try:
        connection.request("GET", parts.path, headers={**HEADERS, **headers})
        reply = connection.getresponse()
        wire = reply.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unmeasured(f"{parts.path} was not answered: {error!r}") from error
    finally:
        connection.close()
    if reply.status != http.HTTPStatus.OK:
        raise Unmeasured(f"{parts.path} answered {reply.status} {reply.reason}")
    content_type = reply.headers.get_content_type()
    encoding = reply.headers.get("Content-Encoding", "identity")
    return Page(content_type, encoding, wire, time.perf_counter() - began)


def warm(url: str, expected: frozenset[str]) -> Page:
    """Ask twice, and return the second page: one that is known to list exactly these files."""
    ask(url)
    page = ask(url)
    if page.filenames != expected:
        raise Unmeasured(f"the page lists {len(page.filenames)} files, not {len(expected)}")
    return page


@dataclass(frozen=True, slots=True)
class Burst:
    """What came of one round of wrk: requests and bytes a second, latencies in milliseconds."""

    rate: float
    flow: float
    p50: float
    p99: float


def wrk(url: str, page: Page, seconds: float) -> Burst:
    """Ask for the page as fast as it comes; Unmeasured when any answer was not this page."""
    few = SLOW_CONNECTIONS if page.seconds > SLOW else CONNECTIONS
    lasting = max(seconds, min(10, 10 * page.seconds))
    return hammer(url, lasting, least=len(page.wire), connections=few)


def hammer(
    url: str,
    seconds: float,
    *,
    least: int,
    most: float = math.inf,
    connections: int = CONNECTIONS,
    headers: Mapping[str, str] | None = None,
    threads: int = 1,
    cores: str = LOAD_CORE,
) -> Burst:
    """Ask as fast as answers come. Unmeasured when one was an error, or of another size."""
    words: list[object] = ["wrk", "--threads", str(threads), "--timeout", "30s", "--script", LUA]
    words += ["--connections", str(connections), "--duration", f"{seconds:.0f}s"]
    for name, value in {**HEADERS, **(headers or {})}.items():
        words += ["--header", f"{name}: {value}"]
    printed = run(Command("wrk", [*words, url], LUA.parent, cores))
    saw = json.loads(printed.strip().splitlines()[-1])
    _check(saw, least, most)
    took = saw["microseconds"] / 1e6
    return Burst(saw["requests"] / took, saw["bytes"] / took, saw["p50"] / 1000, saw["p99"] / 1000)


def _check(saw: dict[str, int], least: int, most: float) -> None:
    if saw["failed"] or saw["refused"]:
        raise Unmeasured(f"{saw['refused']} answers were errors, {saw['failed']} never came")
    if not saw["requests"]:
        raise Unmeasured("no request was answered in time")
    if not least <= saw["bytes"] / saw["requests"] <= most:
        raise Unmeasured("under load, the answers were shorter or longer than before")


def install(simple: str, expected: frozenset[str], folder: Path, tool: str = "uv") -> float:
    """Install the graph from nothing and return the seconds; Unmeasured unless all came.

    Into memory, where there is such a place: rounds delete what they install, and ext4 passes over
    what was deleted within five minutes one by one, which took from 0.2 to 2 s of a round.
    """
    with TemporaryDirectory(
        prefix="cloche-bench-", dir=MEMORY if MEMORY.is_dir() else folder
    ) as at:
        target, cache = Path(at) / "target", Path(at) / "cache"
        words = INSTALLERS[tool](simple, target, cache)
        env = {"UV_HTTP_TIMEOUT": f"{DEADLINE:.0f}"}
        began = time.perf_counter()
        run(Command(tool, [*words, GRAPH_ROOT], folder, LOAD_CORE, env), PATIENCE)
        seconds = time.perf_counter() - began
        _check_installed(target, expected)
    return seconds


def _by_uv(simple: str, target: Path, cache: Path) -> list[object]:
    words: list[object] = [UV, "pip", "install", "--quiet", "--no-config"]
    words += ["--python", sys.executable, "--default-index", simple]
    return [*words, "--cache-dir", cache, "--target", target]


def _by_pip(simple: str, target: Path, cache: Path) -> list[object]:
    words: list[object] = [sys.executable, "-m", "pip", "install", "--isolated", "--quiet"]
    words += ["--quiet", "--disable-pip-version-check", "--no-compile", "--index-url", simple]
    parts = urlsplit(simple)
    if parts.scheme == "http":  # which is not enough for it, far away
        words += ["--trusted-host", parts.hostname]
    return [*words, "--cache-dir", cache, "--target", target]


INSTALLERS = {"uv": _by_uv, "pip": _by_pip}


def _check_installed(target: Path, expected: frozenset[str]) -> None:
    found = {re.sub(r"-[^-]+$", "", path.stem) for path in target.glob("*.dist-info")}
    if found != {name.replace("-", "_") for name in expected}:
        raise Unmeasured(f"{len(found)} packages were installed, not {len(expected)}")
