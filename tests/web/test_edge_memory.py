"""What the edge remembers is bounded, whatever is asked."""

import gc
import io
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from cloche.core.index import Index
from cloche.core.model import Digest, Upload, project_name
from cloche.core.negotiation import Encoding, Format
from cloche.service.roots import Roots
from cloche.service.shelf import Shelf, Shown
from cloche.service.view import View
from cloche.web.accesslog import AccessLog
from cloche.web.edge import Edge
from cloche.web.gate import Gate
from cloche.web.hits import FEW_HITS
from cloche.web.indexes import Indexes
from cloche.web.requestlog import RequestLog
from cloche.web.sending import Sending
from cloche.web.simple import finish
from tests.fakes import NOW, FakeBlobs, FakeHistory, FakeJournal, FakeLedger, FakePages, now

pytestmark = pytest.mark.anyio

MAIN = Index(name="main", uploads=True, default=True)


def uploaded(name: str) -> Upload:
    return Upload(
        index="main",
        project=project_name(name),
        display_name=name,
        version="1.0",
        filename=f"{name}-1.0.tar.gz",
        filetype="sdist",
        digest=Digest(sha256(name.encode()).hexdigest()),
        size=1,
        hashes={},
        metadata=None,
        requires_python=None,
        uploaded_at=NOW,
        uploaded_by="tester",
    )


@dataclass
class Pages:
    """The application behind the edge: renders a project's page, and counts how often."""

    shelf: Shelf
    rendered: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.rendered += 1
        shown = await self.shelf.get("main", project_name(scope["path"].split("/")[2]))
        page = finish(b"page", Format.HTML, Encoding.IDENTITY, "no-cache")
        shown.renders[Format.HTML, Encoding.IDENTITY, 0] = page
        self.shelf.grew(shown)
        await Response(page.body)(scope, receive, send)


@dataclass
class Front:
    pages: Pages
    edge: Edge
    log: RequestLog

    async def get(self, path: str, **headers: str) -> bytes:
        """Ask as a server would, and return the body."""
        body = b""

        async def send(message: Message) -> None:
            nonlocal body
            body += message.get("body", b"")

        async def receive() -> Message:
            return {"type": "http.request", "body": b""}

        scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
        }
        await self.edge(scope, receive, send)
        return body


@pytest.fixture
async def front() -> Front:
    """An edge before a shelf that holds one page at a time."""
    journal = FakeJournal()
    ledger = FakeLedger(journal, [uploaded(f"p-{number}") for number in range(3 * FEW_HITS)])
    view = View({"main": MAIN}, {}, ledger, FakePages(journal), now)
    shelf = Shelf(view, ledger, journal, now, max_bytes=1)
    log = RequestLog(as_json=False, out=io.StringIO())
    pages = Pages(shelf)
    gate = Gate(view, [], journal, now)
    roots = Roots(view, ledger, FakeHistory(ledger), journal)
    sending, access = Sending(FakeBlobs(), None), AccessLog(None, now, addresses=False)
    indexes = Indexes(pages, ["main"], "main")
    edge = Edge(pages, indexes, shelf, roots, gate, log, sending, access)
    return Front(pages, edge, log)


async def test_dropped_pages_are_let_go(front: Front) -> None:
    """Pages that the shelf had no room for do not live on at the edge."""
    for number in range(3 * FEW_HITS):
        assert await front.get(f"/simple/p-{number}/") == b"page"
    front.log.flush()

    alive = sum(isinstance(thing, Shown) for thing in gc.get_objects())
    assert alive <= FEW_HITS + 10


async def test_a_page_is_a_hit_all_the_while(front: Front) -> None:
    """A page that is on the shelf is not worked out twice, whatever else was asked before."""
    for number in range(FEW_HITS + 5):
        await front.get(f"/simple/p-{number}/")
    before = front.pages.rendered
    for _ in range(10):
        assert await front.get(f"/simple/p-{FEW_HITS + 4}/") == b"page"
    front.log.flush()

    assert front.pages.rendered == before


async def test_long_questions_are_not_kept(front: Front) -> None:
    """A question of any length is answered, and one that is too long each time anew."""
    for number in range(5):
        assert await front.get("/simple/p-1/", accept="x" * 60_000 + str(number)) == b"page"
        assert await front.get("/simple/p-1/", accept="x" * 60_000) == b"page"
    front.log.flush()

    assert front.pages.rendered == 10
