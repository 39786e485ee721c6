"""What travels through the fake upstream: a page becomes a resource, a resource an answer.

Each of the three is plain and mutable, so that a misbehaviour is a function that spoils one.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from tests.upstream.model import Project

JSON = "application/vnd.pypi.simple.v1+json"
HTML_V1 = "application/vnd.pypi.simple.v1+html"
HTML = "text/html"

Point = int | Literal["half", "request"]
"""Where in an answer: after so many bytes of the body, after half of it, or before the headers."""


class CutOff(Exception):
    """The connection ends here, whatever was promised."""


class Waits(Protocol):
    """The ways to wait while an answer is delivered; each raises CutOff when the tests move on."""

    async def sleep(self, seconds: float | None) -> None:
        """Wait for so many seconds, or for ever."""

    async def at_gate(self, name: str) -> None:
        """Wait until the tests open the gate."""


Action = Callable[[Waits], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as much of it as an answer depends on."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    base: str
    other: str


@dataclass(slots=True)
class Page:
    """A project page before it is written as JSON or HTML; `document` is the JSON one."""

    project: Project
    document: dict[str, Any]
    formats: tuple[str, ...] = (JSON, HTML_V1, HTML)


@dataclass(slots=True)
class Resource:
    """What lies at a URL, before the request's conditions and ranges are looked at."""

    asked: Asked
    content: bytes
    headers: dict[str, str]
    etag: str | None = None
    ranges: bool = False


@dataclass(slots=True)
class Answer:
    """A response, and how it is delivered. Without `length` it is chunked."""

    asked: Asked
    status: int
    headers: dict[str, str]
    body: bytes = b""
    length: int | None = 0
    chunk: int = 65536
    pause: float = 0.0
    endless: bytes = b""
    actions: list[tuple[int, Action]] = field(default_factory=list)

    def at(self, point: Point, action: Action) -> None:
        """Do the action when the body has been sent up to the point."""
        match point:
            case "request":
                offset = -1
            case "half":
                offset = len(self.body) // 2
            case _:
                offset = min(point, len(self.body))
        self.actions.append((offset, action))
