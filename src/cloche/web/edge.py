"""The outermost layer: answers what is already there, times and logs everything.

A hit costs a look-up, the gate's answer and one look at the pulse. What it cannot answer goes
on to the application unchanged, so that each answer is decided in one place.
"""

import time
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloche.core.errors import BadName
from cloche.core.model import project_name
from cloche.core.negotiation import page_encoding, page_format
from cloche.service.shelf import Rendered, Shelf, Shown
from cloche.web.gate import Gate
from cloche.web.indexes import Indexes
from cloche.web.origin import origin
from cloche.web.protocol import CutOff, send_whole
from cloche.web.requestlog import Entry, RequestLog, kind_of
from cloche.web.simple import matches, not_modified, render_key

MAX_HITS = 20_000
FEW_HITS = 500  # among which those of pages that are dropped may lie
MAX_KEY = 1024  # bytes of a question that is worth remembering

Asked = tuple[bytes, bytes, bytes]
"""Path, Accept and Accept-Encoding: what a page's bytes depend on."""


@dataclass(slots=True)
class _Heads:
    """The request headers that matter here."""

    accept: bytes = b""
    encoding: bytes = b""
    agent: bytes = b""
    authorization: str | None = None
    if_none_match: bytes | None = None
    if_match: bool = False


class Edge:
    def __init__(
        self, app: ASGIApp, indexes: Indexes, shelf: Shelf, gate: Gate, log: RequestLog
    ) -> None:
        self._app = app
        self._indexes = indexes
        self._shelf = shelf
        self._gate = gate
        self._log = log
        self._hits: dict[Asked, tuple[Shown, Rendered]] = {}
        self._room = FEW_HITS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        heads = _read(scope)
        asked = (scope["raw_path"], heads.accept, heads.encoding)
        found = self._hits.get(asked)
        plain = not scope["query_string"] and not heads.if_match
        if found is not None and plain and scope["method"] in {"GET", "HEAD"}:
            shown, rendered = found
            placed = rendered.origin is None or rendered.origin == origin(scope)
            if (
                placed
                and self._shelf.current(shown)
                and self._gate.admits(shown.index, heads.authorization)
            ):
                status, size = await _answer(rendered, scope, heads, send)
                self._note(scope, heads, began, status, size)
                return
        await self._pass_on(scope, receive, send, heads, began)
        if not self._knows(asked, scope):
            self._learn(asked, scope)

    def _knows(self, asked: Asked, scope: Scope) -> bool:
        """Whether the same question would be answered from here."""
        found = self._hits.get(asked)
        if found is None or not self._shelf.current(found[0]):
            return False
        return found[1].origin is None or found[1].origin == origin(scope)

    async def _pass_on(
        self, scope: Scope, receive: Receive, send: Send, heads: _Heads, began: float
    ) -> None:
        status, size = 0, 0

        async def watched(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except CutOff:
            return  # the server closes the connection of a response that is not complete
        finally:
            self._note(scope, heads, began, status or 500, size)

    def _learn(self, asked: Asked, scope: Scope) -> None:
        """Remember where the answer to this question lies, if it was a page's."""
        if scope["query_string"] or scope["method"] != "GET":
            return
        index, rest = self._indexes.split(scope["path"])
        depth = index.count("/") + 1 if rest is not None else 0
        parts = (scope["path"] if rest is None else rest).split("/")
        if len(parts) != 4 or parts[1] not in {"simple", "+simple"} or parts[3]:  # noqa: PLR2004 - /simple/{project}/
            return
        found = self._lookup(index, parts[2], asked, depth, scope)
        if found is not None and sum(map(len, asked)) <= MAX_KEY:
            if len(self._hits) >= self._room:
                self._make_room()
            self._hits[asked] = found

    def _make_room(self) -> None:
        """Let go of pages that the shelf has dropped, whose bytes it no longer counts."""
        held = {asked: hit for asked, hit in self._hits.items() if hit[0].holds}
        self._hits = held if len(held) < MAX_HITS else {}
        self._room = min(MAX_HITS, max(FEW_HITS, 2 * len(self._hits)))

    def _lookup(
        self, index: str, name: str, asked: Asked, depth: int, scope: Scope
    ) -> tuple[Shown, Rendered] | None:
        try:
            shown = self._shelf.peek(index, project_name(name))
        except BadName:
            return None
        if shown is None or shown.page.name != name:
            return None
        form = page_format(asked[1].decode("latin-1"))
        encoding = page_encoding(asked[2].decode("latin-1"))
        rendered = shown.renders.get(render_key(form, encoding, depth))
        if rendered is None and shown.attested:
            rendered = shown.renders.get(render_key(form, encoding, depth, origin(scope)))
        return (shown, rendered) if rendered is not None else None

    def _note(self, scope: Scope, heads: _Heads, began: float, status: int, size: int) -> None:
        path = scope["raw_path"].decode("latin-1")
        client = scope["client"]
        self._log.add(
            Entry(
                time.time(),
                status,
                scope["method"],
                path,
                client[0] if client else "-",
                heads.agent.decode("latin-1"),
                time.perf_counter() - began,
                size,
                kind_of(path[:MAX_KEY]),
            )
        )


def _read(scope: Scope) -> _Heads:
    heads = _Heads()
    for name, value in scope["headers"]:
        if name == b"accept":
            heads.accept = heads.accept + b"," + value if heads.accept else value
        elif name == b"accept-encoding":
            heads.encoding = heads.encoding + b"," + value if heads.encoding else value
        elif name == b"user-agent":
            heads.agent = value
        elif name == b"authorization":
            heads.authorization = value.decode("latin-1")
        elif name == b"if-match":
            heads.if_match = True
        elif name == b"if-none-match":
            before = heads.if_none_match
            heads.if_none_match = before + b"," + value if before else value
    return heads


async def _answer(rendered: Rendered, scope: Scope, heads: _Heads, send: Send) -> tuple[int, int]:
    """Send the page, or 304; return status and bytes of the body."""
    condition = heads.if_none_match
    if condition is not None and matches(condition.decode("latin-1"), rendered.etag):
        await send(
            {"type": "http.response.start", "status": 304, "headers": not_modified(rendered)}
        )
        await send({"type": "http.response.body", "body": b""})
        return 304, 0
    body = rendered.body if scope["method"] == "GET" else b""
    if send_whole(scope, 200, rendered.head, body):
        return 200, len(body)
    await send({"type": "http.response.start", "status": 200, "headers": rendered.headers})
    await send({"type": "http.response.body", "body": body})
    return 200, len(body)
