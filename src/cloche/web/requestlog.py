"""One line a request, and the counts that `/-/metrics` shows.

Both are written in batches: a line of its own for each request would cost more than the
request, when its answer is already there.
"""

import asyncio
import sys
from collections import Counter as Tally
from datetime import UTC, datetime
from functools import lru_cache
from typing import TextIO

import msgspec
from msgspec import Struct
from prometheus_client import Counter, Histogram

FLUSH_AFTER = 0.2  # seconds
MAX_TEXT = 200  # characters of what a client sent that are worth keeping

REQUESTS = Counter("cloche_requests", "Requests answered", ["kind", "status"])
BYTES = Counter("cloche_response_bytes", "Bytes of bodies sent", ["kind"])
SECONDS = Histogram(
    "cloche_request_seconds",
    "Time from a request's head to the end of its answer",
    ["kind"],
    buckets=(0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120),
)
KINDS = frozenset(
    {"simple", "packages", "legacy", "project", "-", "+simple", "pypi", "RPC2", "rss", "local"}
)


class Entry(Struct, frozen=True):
    """One answered request, in the order in which JSON logs write it."""

    at: float  # seconds since 1970
    status: int
    method: str
    path: str
    client: str
    agent: str
    seconds: float
    bytes: int
    kind: str


class _Line(Struct, frozen=True):
    at: datetime
    event: str
    status: int
    method: str
    path: str
    client: str
    agent: str
    ms: float
    bytes: int


class RequestLog:
    def __init__(self, *, as_json: bool, out: TextIO | None = None) -> None:
        self._format = _as_json if as_json else _as_text
        self._out = out or sys.stderr
        self._entries: list[Entry] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER, self.flush)

    def flush(self) -> None:
        """Write what has gathered. Call once more at the end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        entries, self._entries = self._entries, []
        self._out.write("".join(map(self._format, entries)))
        self._out.flush()
        _count(entries)


@lru_cache(maxsize=4096)
def kind_of(path: str) -> str:
    """What sort of address it is: few, for a metric must not grow with what clients ask."""
    return next((part for part in path.split("/", 4)[1:4] if part in KINDS), "other")


def _count(entries: list[Entry]) -> None:
    for (kind, status), number in Tally((e.kind, e.status) for e in entries).items():
        REQUESTS.labels(kind, status).inc(number)
    sizes: Tally[str] = Tally()
    for entry in entries:
        sizes[entry.kind] += entry.bytes
        SECONDS.labels(entry.kind).observe(entry.seconds)
    for kind, size in sizes.items():
        BYTES.labels(kind).inc(size)


def _shown(agent: str) -> str:
    """What a client calls itself, so that it can neither end a line nor steer a terminal."""
    agent = agent[:MAX_TEXT]
    if agent.isascii() and agent.isprintable():
        return agent
    return agent.encode("unicode_escape").decode()


def _as_text(e: Entry) -> str:
    at = datetime.fromtimestamp(e.at, UTC).isoformat(timespec="milliseconds")
    agent = _shown(e.agent).partition(" {")[0]  # pip and uv add their whole environment
    agent = agent.replace('"', "'")
    return (
        f"{at} {e.status} {e.method} {e.path[:MAX_TEXT]} {e.bytes}B {e.seconds * 1000:.1f}ms "
        f'{e.client} "{agent}"\n'
    )


def _as_json(e: Entry) -> str:
    line = _Line(
        at=datetime.fromtimestamp(e.at, UTC),
        event="request",
        status=e.status,
        method=e.method,
        path=e.path[:MAX_TEXT],
        client=e.client,
        agent=_shown(e.agent),
        ms=round(e.seconds * 1000, 2),
        bytes=e.bytes,
    )
    return msgspec.json.encode(line).decode() + "\n"
