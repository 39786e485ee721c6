"""What another cloche answers to who follows it, and what only pretends to be one."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cloche.core.errors import Error, NoSuchBlob, OtherJournal, UpstreamDown, UpstreamLies
from cloche.core.following import Position
from cloche.upstreams._primary import ClochePrimary
from cloche.upstreams.cloche import Settings
from tests.catalog.samples import sha256

pytestmark = pytest.mark.anyio

PROBLEM = "application/problem+json"
SINCE = Position(store="store", serial=4711, mark="mark")
EMPTY = {
    "steps": [],
    "reached": {"store": "store", "serial": 4711, "mark": "mark"},
    "newest": 4711,
    "at": "2026-05-04T12:00:00Z",
}


class _Handler(BaseHTTPRequestHandler):
    server: "Answering"

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"]))
        self.send_response(self.server.status)
        self.send_header("Content-Type", self.server.kind)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        pass


class Answering(ThreadingHTTPServer):
    """Gives everybody the same answer."""

    def __init__(self, status: int, kind: str, body: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.kind, self.body = status, kind, body
        self.asked: list[tuple[str, str | None]] = []

    @property
    def settings(self) -> Settings:
        url = f"http://127.0.0.1:{self.server_port}/prefix/team/"
        return Settings(url=url, password="secret")  # noqa: S106 - for these tests alone


@contextmanager
def answering(status: int, kind: str, body: bytes) -> Iterator[Answering]:
    with Answering(status, kind, body) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        try:
            yield found
        finally:
            found.shutdown()
            thread.join()


def problem(detail: str) -> bytes:
    return json.dumps({"status": 0, "detail": detail}).encode()


async def test_what_is_asked() -> None:
    """It asks below the index's address, with its token, for what came after its position."""
    with answering(200, "application/json", json.dumps(EMPTY).encode()) as there:
        primary = ClochePrimary("primary", there.settings)
        found = await primary.stretch(SINCE, 100, 3)
        await primary.close()

    assert found.reached == SINCE
    [(path, authorization)] = there.asked
    start, _, query = path.partition("?")
    assert start == "/prefix/team/-/api/v1/indexes/-/changes"
    assert query == "limit=100&wait=3&since=4711&store=store&mark=mark"
    assert (authorization or "").startswith("Basic ")


@pytest.mark.parametrize(
    ("status", "kind", "body", "failure", "words"),
    [
        (409, PROBLEM, problem("it was restored"), OtherJournal, "it was restored"),
        (403, PROBLEM, problem("you\nmay not"), UpstreamDown, "you may not"),
        (401, PROBLEM, problem("who are you"), UpstreamDown, "who are you"),
        (401, PROBLEM, b"\xff", UpstreamDown, "status 401"),
        (404, "text/html", b"<h1>none</h1>", UpstreamDown, "another cloche"),
        (503, "text/plain", b"", UpstreamDown, "503"),
        (200, "text/html", b"<h1>hello</h1>", UpstreamLies, "words unknown"),
        (200, "application/json", b'{"steps": [{}]}', UpstreamLies, "words unknown"),
        (200, "application/json", b"{}", UpstreamLies, "words unknown"),
    ],
)
async def test_what_is_no_journal(
    status: int, kind: str, body: bytes, failure: type[Error], words: str
) -> None:
    """A refusal is told in the primary's words, nonsense as what it is."""
    with answering(status, kind, body) as there:
        primary = ClochePrimary("primary", there.settings)
        with pytest.raises(failure, match=words):
            await primary.stretch(None, 100, 0)
        await primary.close()


async def test_bytes() -> None:
    """They are what comes, and never more than was told."""
    with answering(200, "application/octet-stream", b"x" * 1000) as there:
        primary = ClochePrimary("primary", there.settings)
        got = [chunk async for chunk in primary.fetch(sha256("x"), 1000)]
        with pytest.raises(UpstreamLies, match="more"):
            [chunk async for chunk in primary.fetch(sha256("x"), 999)]
        there.status = 404
        with pytest.raises(NoSuchBlob):
            [chunk async for chunk in primary.fetch(sha256("x"), 1000)]
        await primary.close()
    assert b"".join(got) == b"x" * 1000


async def test_nobody_is_there() -> None:
    """What cannot be reached is down."""
    with answering(200, "text/plain", b"") as there:
        primary = ClochePrimary("primary", there.settings)
    with pytest.raises(UpstreamDown):
        await primary.stretch(None, 100, 0)
    with pytest.raises(UpstreamDown):
        [chunk async for chunk in primary.fetch(sha256("x"), 1)]
    await primary.close()
