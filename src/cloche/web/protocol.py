"""uvicorn's HTTP protocol, with abilities that ASGI has no words for.

A reason phrase of the application's choice, because pip and twine show their users nothing
else of an error; and a whole response in one write, because on a hit the second system call
would cost a quarter of everything. A request's head is bounded, and one that cannot be read
is told so as any other error is.
"""

from http import HTTPStatus
from typing import Any

import msgspec
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

CYCLE = "cloche.cycle"
"""Key in the scope: the request's cycle, where this protocol serves it."""

# Exactly this: uv reads a problem only without any parameter behind the type.
PROBLEM = "application/problem+json"
MAX_COPIED = 256 << 10  # bytes of a body that are copied sooner than written by themselves
MAX_HEAD = 64 << 10  # bytes: tokens and cookies of a company's proxies included


class CutOff(Exception):
    """Ends a response without completing it."""


class Protocol(HttpToolsProtocol):
    _arrived = 0  # bytes, since the last head was complete
    _too_long = False
    _headed: Any = None  # the scope of the request whose head was complete last

    def data_received(self, data: bytes) -> None:
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


def send_whole(scope: Scope, status: int, head: bytes, body: bytes) -> bool:
    """Answer at once with header lines ready for the wire; return whether that was possible.

    `head` has a line end behind each line. It is not when the client reads too slowly, has
    gone, or another protocol serves it: then send it the ordinary way.
    """
    cycle: RequestResponseCycle | None = scope.get(CYCLE)
    if cycle is None or cycle.flow.write_paused or cycle.disconnected or cycle.response_started:
        return False
    more = b"".join([b"%b: %b\r\n" % header for header in cycle.default_headers])
    if not cycle.keep_alive:
        more += b"connection: close\r\n"
    if len(body) <= MAX_COPIED:
        cycle.transport.write(b"".join((STATUS_LINE[status], more, head, b"\r\n", body)))
    else:
        cycle.transport.writelines((b"".join((STATUS_LINE[status], more, head, b"\r\n")), body))
    cycle.response_started = cycle.response_complete = True
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True


def has_left(scope: Scope) -> bool:
    """Whether the client has hung up; False also where another protocol serves it."""
    cycle: RequestResponseCycle | None = scope.get(CYCLE)
    return cycle is not None and cycle.disconnected


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
