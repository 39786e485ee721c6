"""uvicorn's HTTP protocol, able to send a reason phrase of the application's choice.

ASGI has no field for it, yet pip and twine show their users nothing else of an error.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

REASON = "cloche.reason"
"""Key in the scope of a callable that takes the phrase, before the response begins."""


class Protocol(HttpToolsProtocol):
    def on_headers_complete(self) -> None:
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            scope: dict[str, Any] = self.cycle.scope  # type: ignore[assignment]  # open to more keys
            scope[REASON] = partial(_phrase, self.cycle)


def _phrase(cycle: RequestResponseCycle, reason: bytes) -> None:
    cycle.transport = _Phrased(cycle, reason)  # type: ignore[assignment]  # for one write


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

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self._transport, name)
        return method
