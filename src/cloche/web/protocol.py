"""uvicorn's HTTP protocol, with two abilities that ASGI has no words for.

A reason phrase of the application's choice, because pip and twine show their users nothing
else of an error; and a whole response in one write, because on a hit the second system call
would cost a quarter of everything.
"""

from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

CYCLE = "cloche.cycle"
"""Key in the scope: the request's cycle, where this protocol serves it."""


class Protocol(HttpToolsProtocol):
    def on_headers_complete(self) -> None:
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            scope: dict[str, Any] = self.cycle.scope  # type: ignore[assignment]  # open to more keys
            scope[CYCLE] = self.cycle


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
    cycle.transport.write(b"".join((STATUS_LINE[status], more, head, b"\r\n", body)))
    cycle.response_started = cycle.response_complete = True
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True


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
