"""uvicorn's HTTP protocol, with abilities that ASGI has no words for.

A reason phrase of the application's choice, because pip and twine show their users nothing
else of an error; and a whole response in one write, because on a hit the second system call
would cost a quarter of everything. What was asked before in the same bytes is answered without
being read. A request's head is bounded, and one that cannot be read is told so as any other
error is.
"""

import time
from asyncio import Transport
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from typing import Protocol as Role

import msgspec
from starlette.types import Scope
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

CYCLE = "cloche.cycle"
"""Key in the scope: the request's cycle, where this protocol serves it."""

ASKED = "cloche.asked"
"""Key in the scope: who asked where, and the request as it came, where that was whole and alone."""

_END = b"\r\n\r\n"

# Exactly this: uv reads a problem only without any parameter behind the type.
PROBLEM = "application/problem+json"
MAX_COPIED = 32 << 10  # bytes of a body that are copied sooner than written by themselves
MAX_HEAD = 64 << 10  # bytes: tokens and cookies of a company's proxies included


class CutOff(Exception):
    """Ends a response without completing it."""


class Repeat(Role):
    """An answer that was given before: header lines behind those of the server, and a body."""

    @property
    def status(self) -> int: ...

    @property
    def head(self) -> bytes: ...

    @property
    def body(self) -> bytes | bytearray: ...


class Repeats(Role):
    """Who knows what was asked before."""

    def find(self, asked: bytes, /) -> Any:
        """The Repeat that is certain to answer this client's request; else None."""

    def answered(self, repeat: Any, began: float, /) -> None:
        """Take note that it was given. `began` is of `time.perf_counter`."""


class Protocol(HttpToolsProtocol):
    _arrived = 0  # bytes, since the last head was complete
    _too_long = False
    _headed: Any = None  # the scope of the request whose head was complete last
    _ends = b""  # of the connection: the client's address, and the server's
    _between = True  # no request has begun since the last was complete
    _asked: bytes | None = None  # who asks where, and all that has arrived, if that may be one head
    _usual: Any = None  # the server's own headers when they were last wanted,
    _lines = b""  # and those as they go over the wire
    _repeated = 0.0  # when the loop's clock saw the last answer that was given without reading

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        app: Any = self.app
        while isinstance(app, ProxyHeadersMiddleware):
            app = app.app
        self._repeats: Repeats | None = getattr(app, "repeats", None)

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        client = self.client[0] if self.client else None
        # Who asks, and where: of a request that names no host, the answer may name that address.
        self._ends = f"{client} {self.server} ".encode()

    def data_received(self, data: bytes) -> None:
        if self._between and self._repeats is not None and data.endswith(_END):
            asked = self._ends + data
            if self._is_free() and self._repeat(self._repeats, asked):
                return
            if data.find(_END) + len(_END) == len(data):
                self._asked = asked
        self._read(data)
        self._asked = None

    def _is_free(self) -> bool:
        """Whether nothing is under way, and what is written goes out."""
        cycle: Any = self.cycle
        return (
            (cycle is None or cycle.response_complete)
            and not self.flow.write_paused
            and not self.transport.is_closing()
        )

    def _repeat(self, repeats: Repeats, asked: bytes) -> bool:
        """Answer as before, if that is certain to be the answer still."""
        began = time.perf_counter()
        repeat: Repeat | None = repeats.find(asked)
        if repeat is None:
            return False
        usual = self.server_state.default_headers  # a new list each second
        if usual is not self._usual:
            self._usual, self._lines = usual, as_lines(usual)
        head = b"".join((STATUS_LINE[repeat.status], self._lines, repeat.head, b"\r\n"))
        _write(self.transport, head, repeat.body)
        self._repeated = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._await_more(self.timeout_keep_alive)
        repeats.answered(repeat, began)
        return True

    def _await_more(self, seconds: float) -> None:
        handler = self.timeout_keep_alive_handler
        self.timeout_keep_alive_task = self.loop.call_later(seconds, handler)

    def timeout_keep_alive_handler(self) -> None:
        """Hang up, unless something was answered since: a repeat sets no clock of its own."""
        left = self._repeated + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._await_more(left)
        else:
            super().timeout_keep_alive_handler()

    def on_message_begin(self) -> None:
        self._between = False
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._between = True
        if self._asked is not None and self.cycle.keep_alive and not self.parser.should_upgrade():
            scope: dict[str, Any] = self.cycle.scope  # type: ignore[assignment]  # open to more keys
            scope[ASKED] = self._asked
        super().on_message_complete()

    def _read(self, data: bytes) -> None:
        self._arrived += len(data)
        super().data_received(data)
        if self._arrived <= MAX_HEAD:
            return
        if self.scope is self._headed:  # it is a body that arrives
            self._arrived = 0
        elif not self.transport.is_closing():
            self._too_long = True
            self.send_400_response("")

    def shutdown(self) -> None:
        """End the connection, after the answer that is under way; that one may hurry."""
        cycle: Any = self.cycle
        if cycle is not None:
            cycle.is_last = True
        super().shutdown()

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: a server may ignore the wish (RFC 9110, section 7.8)."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the base class's signature
        """Say what is wrong with a head, unless another answer has begun, and hang up."""
        cycle: Any = self.cycle  # None before the first request
        busy = cycle is not None and cycle.response_started and not cycle.response_complete
        if not busy and not self.pipeline:
            self.transport.write(_TOO_LONG if self._too_long else _UNREADABLE)
        self.transport.close()

    def on_headers_complete(self) -> None:
        if self._arrived > MAX_HEAD and _length(self.url, self.headers) > MAX_HEAD:
            self._too_long = True
            raise ValueError(self.url)
        self._arrived, self._headed = 0, self.scope
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            scope: dict[str, Any] = self.cycle.scope  # type: ignore[assignment]  # open to more keys
            scope[CYCLE] = self.cycle


def _length(url: bytes, headers: list[tuple[bytes, bytes]]) -> int:
    return len(url) + sum(len(name) + len(value) + len(b": \r\n") for name, value in headers)


def _refusal(status: HTTPStatus, detail: str) -> bytes:
    """Write a whole response for a request that no application gets to see."""
    said = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
    body = msgspec.json.encode(said)
    head = (
        f"HTTP/1.1 {status:d} {detail}\r\ncontent-type: {PROBLEM}\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


_TOO_LONG = _refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    f"the address and headers of a request may have {MAX_HEAD} bytes; send less",
)
_UNREADABLE = _refusal(
    HTTPStatus.BAD_REQUEST, "this cannot be read as HTTP/1.1; check the request's address and head"
)


def set_reason(scope: Scope, reason: bytes) -> None:
    """Have the status line say `reason`. Call before the response begins."""
    cycle = scope.get(CYCLE)
    if cycle is not None:
        cycle.transport = _Phrased(cycle, reason)


def send_whole(scope: Scope, status: int, head: bytes, body: bytes | bytearray) -> bool:
    """Answer at once with header lines ready for the wire; return whether that was possible.

    `head` has a line end behind each line. It is not when the client reads too slowly, has
    gone, or another protocol serves it: then send it the ordinary way.
    """
    cycle: RequestResponseCycle | None = scope.get(CYCLE)
    if cycle is None or cycle.flow.write_paused or cycle.disconnected or cycle.response_started:
        return False
    more = as_lines(cycle.default_headers)
    if not cycle.keep_alive:
        more += b"connection: close\r\n"
    _write(cycle.transport, b"".join((STATUS_LINE[status], more, head, b"\r\n")), body)
    cycle.response_started = cycle.response_complete = True
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True


def as_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Headers as they go over the wire."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def _write(transport: Transport, head: bytes, body: bytes | bytearray) -> None:
    """In one write, and without copying what is long."""
    if len(body) <= MAX_COPIED:
        transport.write(head + body)
    else:
        transport.writelines((head, body))


def peer(scope: Scope) -> str | None:
    """Who has connected: a proxy, where `scope["client"]` is whom it forwards for."""
    cycle: RequestResponseCycle | None = scope.get(CYCLE)
    name = cycle.transport.get_extra_info("peername") if cycle is not None else None
    return str(name[0]) if name else None


def has_left(scope: Scope) -> bool:
    """Whether the client has hung up; False also where another protocol serves it."""
    cycle: RequestResponseCycle | None = scope.get(CYCLE)
    return cycle is not None and cycle.disconnected


def is_flushed(scope: Scope) -> bool:
    """Whether the socket has taken all that was written: no buffer is read any more."""
    cycle: RequestResponseCycle | None = scope.get(CYCLE)
    return cycle is not None and not cycle.transport.get_write_buffer_size()


def is_unheard(scope: Scope) -> bool:
    """Whether nobody should be kept waiting any more: the client has left, or the server ends."""
    return has_left(scope) or getattr(scope.get(CYCLE), "is_last", False)


class _Phrased:
    """Stands in for the transport until the status line has passed through."""

    def __init__(self, cycle: RequestResponseCycle, reason: bytes) -> None:
        self._cycle = cycle
        self._transport = cycle.transport
        self._reason = reason

    def write(self, data: bytes) -> None:
        line, end, rest = data.partition(b"\r\n")
        version, status, _ = line.split(b" ", 2)
        self._cycle.transport = self._transport
        self._transport.write(b" ".join((version, status, self._reason)) + end + rest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
