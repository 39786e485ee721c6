"""What those who run the server ask it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from cloche import __version__
from cloche.core.errors import Error, StorageDown
from cloche.web import problems
from cloche.web.health import Health
from tests.fakes import FakeBlobs
from tests.server import Cloche
from tests.waiting import until
from tests.web.serving import serving
from tests.web.talk import ask


def test_health(server: Cloche) -> None:
    """A process that answers is alive."""
    reply = server.get("/-/health")

    assert reply.status == 200
    assert msgspec.json.decode(reply.body) == {"status": "ok", "version": __version__}


def test_ready(server: Cloche) -> None:
    """A server whose database and blob store answer is ready."""
    reply = server.get("/-/ready")

    assert (reply.status, msgspec.json.decode(reply.body)) == (200, {"status": "ready"})


def test_open_to_probes(server: Cloche) -> None:
    """A probe needs no token, and may ask with HEAD."""
    for path in ("/-/health", "/-/ready", "/-/metrics"):
        assert server.get(path, method="HEAD").status == 200


def metrics(server: Cloche) -> dict[tuple[str, ...], float]:
    """Every sample by its name and its labels' values."""
    text = server.get("/-/metrics").body.decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_count_requests(server: Cloche) -> None:
    """Requests, bytes and seconds are counted by kind of address, in Prometheus' format."""
    content_type = server.get("/-/metrics").headers["content-type"]
    assert content_type.startswith("text/plain; version=")
    key = ("cloche_requests_total", "simple", "404")
    before = metrics(server).get(key, 0.0)
    size = len(server.get("/simple/he-nowhere/").body)
    for _ in range(4):
        server.get("/simple/he-nowhere/")

    until(lambda: metrics(server).get(key, 0.0) >= before + 5)
    now = metrics(server)
    assert now["cloche_response_bytes_total", "simple"] >= 5 * size
    assert now["cloche_request_seconds_count", "simple"] >= 5


def test_metrics_do_not_grow_with_what_is_asked(server: Cloche) -> None:
    """A client that asks for many addresses makes no new series."""
    other = ("cloche_requests_total", "other", "404")
    server.get("/he-first")
    until(lambda: other in metrics(server))
    before = metrics(server)
    for number in range(20):
        server.get(f"/he-{number}/x/{number}")

    until(lambda: metrics(server)[other] >= before[other] + 20)
    assert {key for key in metrics(server) if "other" in key} >= {other}
    assert not [key for key in metrics(server) if "he-" in "".join(key)]


@dataclass
class FakeUpkeep:
    trouble: Error | None = None

    async def referenced(self, _: object) -> set[object]:
        return set()

    async def check(self) -> None:
        if self.trouble:
            raise self.trouble


@pytest.fixture
def upkeep() -> FakeUpkeep:
    return FakeUpkeep()


@pytest.fixture
def url(upkeep: FakeUpkeep) -> Iterator[str]:
    room = Health(FakeBlobs(), upkeep)  # type: ignore[arg-type]  # its names need no digests
    app = Starlette(routes=room.routes(), exception_handlers={Error: problems.answer})
    with serving(app) as found:
        yield found


def test_not_ready(url: str, upkeep: FakeUpkeep) -> None:
    """A server whose database does not answer is alive, not ready, and says why."""
    asked = "GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n"
    assert ask(url, asked).status == 200

    upkeep.trouble = StorageDown("the database sleeps; wake it")
    reply = ask(url, asked)

    assert (reply.status, reply.reason) == (503, "the database sleeps; wake it")
    assert int(reply.headers["retry-after"]) > 0
    assert ask(url, asked.replace("ready", "health")).status == 200


def test_not_ready_without_its_blobs(tmp_path: Path) -> None:
    """A server whose blobs' folder is gone is not ready."""
    with Cloche(tmp_path / "data", offline=True) as server:
        assert server.get("/-/ready").status == 200
        shutil.rmtree(server.data / "blobs")
        reply = server.get("/-/ready")

    assert reply.status == 503
    assert reply.headers["content-type"] == "application/problem+json"
