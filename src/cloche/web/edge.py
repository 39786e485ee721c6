"""The outermost layer: answers what is already there, times and logs everything.

A hit costs a look-up, the gate's answer and one look at the pulse. What it cannot answer goes
on to the application unchanged, so that each answer is decided in one place.
"""

import re
import time
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloche.core.errors import BadName
from cloche.core.model import project_name
from cloche.core.negotiation import page_encoding, page_format
from cloche.service.roots import Root, Roots
from cloche.service.shelf import Rendered, Shelf, Shown
from cloche.web.gate import Gate
from cloche.web.indexes import Indexes
from cloche.web.origin import origin
from cloche.web.projects import root_key
from cloche.web.protocol import CutOff, send_whole
from cloche.web.pypi_json import key
from cloche.web.requestlog import Entry, RequestLog, kind_of
from cloche.web.simple import matches, not_modified, render_key

MAX_HITS = 20_000
FEW_HITS = 500  # among which those of pages that are dropped may lie
MAX_KEY = 1024  # bytes of a question that is worth remembering

Asked = tuple[bytes, bytes, bytes]
"""Path, Accept and Accept-Encoding: what a page's bytes depend on."""

_ROOT = re.compile(r"/\+?simple/")
_PAGE = re.compile(r"/\+?simple/([^/]+)/")
_DOCUMENT = re.compile(r"/pypi/([^/]+)/(?:([^/]+)/)?json/?")

T_contra = TypeVar("T_contra", contravariant=True)


class _Keeper(Protocol[T_contra]):
    """Who knows whether something may be shown again."""

    def current(self, shown: T_contra, /) -> bool: ...


class _Hit(NamedTuple):
    """Where an answer lies."""

    keeper: _Keeper[Any]
    shown: Shown | Root
    rendered: Rendered


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
        self,
        app: ASGIApp,
        indexes: Indexes,
        shelf: Shelf,
        roots: Roots,
        gate: Gate,
        log: RequestLog,
    ) -> None:
        self._app = app
        self._indexes = indexes
        self._shelf = shelf
        self._roots = roots
        self._gate = gate
        self._log = log
        self._hits: dict[Asked, _Hit] = {}
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
            keeper, shown, rendered = found
            placed = rendered.origin is None or rendered.origin == origin(scope)
            if (
                placed
                and keeper.current(shown)
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
        if found is None or not found.keeper.current(found.shown):
            return False
        return found.rendered.origin is None or found.rendered.origin == origin(scope)

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
        if scope["query_string"] or scope["method"] != "GET" or sum(map(len, asked)) > MAX_KEY:
            return
        index, rest = self._indexes.split(scope["path"])
        depth = index.count("/") + 1 if rest is not None else 0
        path = scope["path"] if rest is None else rest
        found = None
        if page := _PAGE.fullmatch(path):
            found = self._page(index, page[1], asked, depth, scope)
        elif document := _DOCUMENT.fullmatch(path):
            found = self._document(index, document[1], document[2], asked, scope)
        elif _ROOT.fullmatch(path):
            found = self._root(index, asked)
        if found is not None:
            if len(self._hits) >= self._room:
                self._make_room()
            self._hits[asked] = found

    def _make_room(self) -> None:
        """Let go of pages that the shelf has dropped, whose bytes it no longer counts."""
        held = {asked: hit for asked, hit in self._hits.items() if hit.shown.holds}
        self._hits = held if len(held) < MAX_HITS else {}
        self._room = min(MAX_HITS, max(FEW_HITS, 2 * len(self._hits)))

    def _page(self, index: str, name: str, asked: Asked, depth: int, scope: Scope) -> _Hit | None:
        form = page_format(asked[1].decode("latin-1"))
        encoding = page_encoding(asked[2].decode("latin-1"))
        keys = (render_key(form, encoding, depth, place) for place in _places(scope))
        return self._lookup(index, name, keys)

    def _document(
        self, index: str, name: str, version: str | None, asked: Asked, scope: Scope
    ) -> _Hit | None:
        encoding = asked[2].decode("latin-1")
        keys = (key(version, encoding, place) for place in _places(scope))
        return self._lookup(index, name, keys)

    def _lookup(self, index: str, name: str, keys: Iterable[Hashable]) -> _Hit | None:
        try:
            shown = self._shelf.peek(index, project_name(name))
        except BadName:
            return None
        if shown is None or shown.page.name != name:
            return None
        rendered = next((shown.renders[each] for each in keys if each in shown.renders), None)
        return _Hit(self._shelf, shown, rendered) if rendered is not None else None

    def _root(self, index: str, asked: Asked) -> _Hit | None:
        root = self._roots.peek(index)
        wish = root_key(asked[1].decode("latin-1"), asked[2].decode("latin-1"))
        rendered = root.renders.get(wish) if root is not None else None
        return _Hit(self._roots, root, rendered) if root and rendered else None

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


def _places(scope: Scope) -> Iterator[str | None]:
    """What a rendering may depend on: on nothing about the server's place, or on its origin."""
    yield None
    yield origin(scope)


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
