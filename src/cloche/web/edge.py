"""The outermost layer: answers what is already there, times and logs everything.

A hit costs a look-up, the gate's answer and one look at the pulse. What it cannot answer goes
on to the application unchanged, so that each answer is decided in one place.
"""

import re
import time
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloche.core.errors import BadName
from cloche.core.model import METADATA, FileKey, project_name
from cloche.core.negotiation import page_encoding, page_format
from cloche.service.roots import Roots
from cloche.service.shelf import Rendered, Sent, Shelf, Shown
from cloche.web.accesslog import AccessLog, Noted
from cloche.web.gate import Gate
from cloche.web.hits import Hit, Hits
from cloche.web.indexes import Indexes
from cloche.web.origin import origin
from cloche.web.projects import root_key
from cloche.web.protocol import CutOff, as_lines, send_whole
from cloche.web.pypi_json import key
from cloche.web.repeats import Repeat, Repeats
from cloche.web.requestlog import Facts, RequestLog, kind_of
from cloche.web.sending import AT_ONCE, Sending
from cloche.web.simple import matches, not_modified, render_key

OK, NOT_MODIFIED = 200, 304
MAX_KEY = 1024  # bytes of a question that is worth remembering

Asked = tuple[bytes, bytes, bytes]
"""Path, Accept and Accept-Encoding: what a page's bytes depend on."""

_ROOT = re.compile(r"/\+?simple/")
_PAGE = re.compile(r"/\+?simple/([^/]+)/")
_BESIDE = re.compile(r"/packages/(.+)/([^/]+)/(u?[0-9a-f]{64})/([^/]+)")
_DOCUMENT = re.compile(r"/pypi/([^/]+)/(?:([^/]+)/)?json/?")


@dataclass(slots=True)
class _Heads:
    """The request headers that matter here."""

    accept: bytes = b""
    encoding: bytes = b""
    agent: bytes = b""
    authorization: str | None = None
    if_none_match: bytes | None = None
    is_special: bool = False  # If-Match or Range


class Edge:
    def __init__(
        self,
        app: ASGIApp,
        indexes: Indexes,
        shelf: Shelf,
        roots: Roots,
        gate: Gate,
        log: RequestLog,
        sending: Sending,
        access: AccessLog,
    ) -> None:
        self._app = app
        self._indexes = indexes
        self._shelf = shelf
        self._roots = roots
        self._gate = gate
        self._log = log
        self._hits: Hits[Asked, Hit] = Hits()
        self._sending = sending
        self._access = access
        self.repeats = Repeats(gate, log, sending, access)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        heads = _read(scope)
        asked = (scope["raw_path"], heads.accept, heads.encoding)
        hit = self._hits.find(asked)
        answers = hit is not None and self._answers(hit, scope, heads)
        if hit is not None and answers and await self._give(hit, scope, heads, began, send):
            return
        await self._pass_on(scope, receive, send, heads, began)
        if not self._knows(asked, scope):
            self._learn(asked, scope)

    def _answers(self, hit: Hit, scope: Scope, heads: _Heads) -> bool:
        """Whether what lies there is, for certain, the answer to this request."""
        plain = not scope["query_string"] and not heads.is_special
        return (
            plain
            and scope["method"] in {"GET", "HEAD"}
            and _is_placed(hit.rendered, scope)
            and hit.is_current()
            and self._gate.admits(hit.shown.index, heads.authorization)
        )

    async def _give(self, hit: Hit, scope: Scope, heads: _Heads, began: float, send: Send) -> bool:
        """Answer; False, and nothing is said, where a distribution's bytes are not at hand."""
        status, headers, body = _answer(hit.rendered, scope, heads)
        sent, noted = hit.rendered.sent, None
        if sent is not None and status == OK and scope["method"] == "GET":
            if sent.size > AT_ONCE:
                return await self._pour(hit, sent, scope, heads, began, send)
            whole = self._sending.whole(sent)
            if whole is None:
                return False
            body, noted = whole, self._fetched(hit, sent, scope, heads)
        head = as_lines(headers) if status == NOT_MODIFIED else hit.rendered.head
        if not send_whole(scope, status, head, body):
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
        facts = self._note(scope, heads, began, status, len(body))
        kept = body if noted is None else b""
        repeat = Repeat(hit, heads.authorization, status, head, kept, facts, noted)
        self.repeats.learn(scope, repeat)
        return True

    async def _pour(
        self, hit: Hit, sent: Sent, scope: Scope, heads: _Heads, began: float, send: Send
    ) -> bool:
        opened = self._sending.opened(sent)
        if opened is None:
            return False
        self._fetched(hit, sent, scope, heads)
        size = await self._sending.pour(opened, sent, hit.rendered, scope, send)
        self._note(scope, heads, began, OK, size)
        return True

    def _fetched(self, hit: Hit, sent: Sent, scope: Scope, heads: _Heads) -> Noted:
        """Have the access journal know who is about to be sent a distribution."""
        index, client = hit.shown.index, scope["client"]
        who = self._gate.known(index, heads.authorization)
        host, agent = client[0] if client else None, heads.agent.decode("latin-1")
        noted = self._access.noted(index, sent[:3], who.name if who else None, host, agent)
        self._access.note(noted)
        return noted

    def _knows(self, asked: Asked, scope: Scope) -> bool:
        """Whether the same question would be answered from here."""
        hit = self._hits.find(asked)
        return hit is not None and hit.is_current() and _is_placed(hit.rendered, scope)

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
        elif beside := _BESIDE.fullmatch(scope["path"]):
            found = self._beside(*beside.groups())
        elif _ROOT.fullmatch(path):
            found = self._root(index, asked)
        if found is not None:
            self._hits.keep(asked, found)

    def _page(self, index: str, name: str, asked: Asked, depth: int, scope: Scope) -> Hit | None:
        form = page_format(asked[1].decode("latin-1"))
        encoding = page_encoding(asked[2].decode("latin-1"))
        keys = (render_key(form, encoding, depth, place) for place in _places(scope))
        return self._lookup(index, name, keys)

    def _document(
        self, index: str, name: str, version: str | None, asked: Asked, scope: Scope
    ) -> Hit | None:
        encoding = asked[2].decode("latin-1")
        keys = (key(version, encoding, place) for place in _places(scope))
        return self._lookup(index, name, keys)

    def _lookup(self, index: str, name: str, keys: Iterable[Hashable]) -> Hit | None:
        shown = self._peek(index, name)
        if shown is None:
            return None
        rendered = next((shown.renders[each] for each in keys if each in shown.renders), None)
        return Hit(self._shelf, shown, rendered) if rendered is not None else None

    def _peek(self, index: str, name: str) -> Shown | None:
        try:
            shown = self._shelf.peek(index, project_name(name))
        except BadName:
            return None
        return shown if shown is not None and shown.page.name == name else None

    def _beside(self, index: str, name: str, key: str, filename: str) -> Hit | None:
        shown = self._peek(index, name)
        rendered = shown.besides.get(filename) if shown is not None else None
        if shown is None or rendered is None:
            return None
        file = shown.find(filename.removesuffix(METADATA), FileKey(key))
        return Hit(self._shelf, shown, rendered) if file is not None else None

    def _root(self, index: str, asked: Asked) -> Hit | None:
        root = self._roots.peek(index)
        wish = root_key(asked[1].decode("latin-1"), asked[2].decode("latin-1"))
        rendered = root.renders.get(wish) if root is not None else None
        return Hit(self._roots, root, rendered) if root and rendered else None

    def _note(self, scope: Scope, heads: _Heads, began: float, status: int, size: int) -> Facts:
        path = scope["raw_path"].decode("latin-1")
        client = scope["client"]
        facts = Facts(
            status,
            scope["method"],
            path,
            client[0] if client else "-",
            heads.agent.decode("latin-1"),
            size,
            kind_of(path[:MAX_KEY]),
        )
        self._log.add(time.time(), time.perf_counter() - began, facts)
        return facts


def _is_placed(rendered: Rendered, scope: Scope) -> bool:
    """Whether it is for where the server was asked for, if that matters."""
    return rendered.origin is None or rendered.origin == origin(scope)


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
        elif name == b"authorization" and heads.authorization is None:
            heads.authorization = value.decode("latin-1")
        elif name in {b"if-match", b"range"}:
            heads.is_special = True
        elif name == b"if-none-match":
            before = heads.if_none_match
            heads.if_none_match = before + b"," + value if before else value
    return heads


def _answer(
    rendered: Rendered, scope: Scope, heads: _Heads
) -> tuple[int, Sequence[tuple[bytes, bytes]], bytes | bytearray]:
    """The page, or 304: status, headers and body."""
    condition = heads.if_none_match
    if condition is not None and matches(condition.decode("latin-1"), rendered.etag):
        return NOT_MODIFIED, not_modified(rendered), b""
    return OK, rendered.headers, rendered.body if scope["method"] == "GET" else b""
