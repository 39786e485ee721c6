"""One line a request, and the counts that `/-/metrics` shows.

Both are written in batches: a line of its own for each request would cost more than the
request, when its answer is already there.
"""

import asyncio
import sys
from bisect import bisect_right
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from select import PIPE_BUF
from typing import TextIO

import msgspec
from msgspec import Struct
from prometheus_client import Counter, Histogram

from cloche.logs import stamp

FLUSH_AFTER = 0.2  # seconds
MOST = 500  # entries that are gathered: more of them would hold up a request for milliseconds
MAX_TEXT = 200  # characters of what a client sent that are worth keeping


class _Times(Histogram):
    """Observes many at once: one by one they took 2 µs each, a tenth of a hit."""

    def observe_all(self, amounts: list[float]) -> None:
        ordered, counted = sorted(amounts), 0
        for bound, bucket in zip(self._upper_bounds, self._buckets, strict=True):
            upto = bisect_right(ordered, bound)
            if upto > counted:
                bucket.inc(upto - counted)
            counted = upto
        self._sum.inc(sum(ordered))


REQUESTS = Counter("cloche_requests", "Requests answered", ["kind", "status"])
BYTES = Counter("cloche_response_bytes", "Bytes of bodies sent", ["kind"])
SECONDS = _Times(
    "cloche_request_seconds",
    "Time from a request's head to the end of its answer",
    ["kind"],
    buckets=(0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120),
)
UNWRITTEN = Counter("cloche_log_dropped", "Lines of requests that could not be written")
KINDS = frozenset(
    {"simple", "packages", "legacy", "project", "-", "+simple", "pypi", "RPC2", "rss", "local"}
)


class Facts(Struct, eq=False):
    """What an answered request has in common with those that were the same."""

    status: int
    method: str
    path: str
    client: str
    agent: str
    bytes: int
    kind: str
    said: tuple[str, str] | None = None
    """What a line says before and behind the time that the answer took, once it was made."""


Entry = tuple[float, float, Facts]
"""When a request was answered (since 1970), how long that took, in seconds, and the rest."""


class _Line(Struct, frozen=True):
    at: str
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

    def add(self, at: float, seconds: float, facts: Facts) -> None:
        """Have a request written that was answered `at` (since 1970), within `seconds`."""
        self._entries.append((at, seconds, facts))
        if len(self._entries) >= MOST:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER, self.flush)

    def flush(self) -> None:
        """Write what has gathered, or count what cannot be. Call once more at the end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        entries, self._entries = self._entries, []
        _count(entries)
        try:
            for piece in _pieces(map(self._format, entries)):
                self._out.write(piece)
                self._out.flush()
        except OSError:  # a log whose disk is full, or that nobody reads, stops no answer
            UNWRITTEN.inc(len(entries))


def _pieces(lines: Iterable[str]) -> Iterator[str]:
    """As many lines at once as a pipe takes without another worker's in between (POSIX, write)."""
    piece = ""
    for line in lines:
        if piece and len(piece) + len(line) > PIPE_BUF:  # all of them are ASCII
            yield piece
            piece = ""
        piece += line
    yield piece


@lru_cache(maxsize=4096)
def kind_of(path: str) -> str:
    """What sort of address it is: few, for a metric must not grow with what clients ask."""
    return next((part for part in path.split("/", 4)[1:4] if part in KINDS), "other")


def _count(entries: list[Entry]) -> None:
    answers: Tally[tuple[str, int]] = Tally()
    sizes: Tally[str] = Tally()
    times: defaultdict[str, list[float]] = defaultdict(list)
    alike: defaultdict[Facts, list[float]] = defaultdict(list)
    for _, seconds, facts in entries:
        alike[facts].append(seconds)
    for facts, took in alike.items():
        answers[facts.kind, facts.status] += len(took)
        sizes[facts.kind] += facts.bytes * len(took)
        times[facts.kind] += took
    for (kind, status), number in answers.items():
        REQUESTS.labels(kind, status).inc(number)
    for kind, size in sizes.items():
        BYTES.labels(kind).inc(size)
        SECONDS.labels(kind).observe_all(times[kind])


def _shown(agent: str) -> str:
    """What a client is called, so that it can neither end a line nor steer a terminal."""
    agent = agent[:MAX_TEXT]
    if agent.isascii() and agent.isprintable():
        return agent
    return agent.encode("unicode_escape").decode()


def _as_text(entry: Entry) -> str:
    at, seconds, facts = entry
    before, behind = facts.said or _say(facts)
    return f"{stamp(at)} {before} {_tenths(round(seconds * 10_000))} {behind}"


@lru_cache(maxsize=1024)
def _tenths(number: int) -> str:
    return f"{number / 10:.1f}ms"


def _say(facts: Facts) -> tuple[str, str]:
    agent = _shown(facts.agent).partition(" {")[0]  # pip and uv add their whole environment
    agent = agent.replace('"', "'")
    before = f"{facts.status} {facts.method} {facts.path[:MAX_TEXT]} {facts.bytes}B"
    facts.said = before, f'{_shown(facts.client)} "{agent}"\n'
    return facts.said


def _as_json(entry: Entry) -> str:
    at, seconds, facts = entry
    line = _Line(
        at=stamp(at),
        event="request",
        status=facts.status,
        method=facts.method,
        path=facts.path[:MAX_TEXT],
        client=_shown(facts.client),
        agent=_shown(facts.agent),
        ms=round(seconds * 1000, 2),
        bytes=facts.bytes,
    )
    return msgspec.json.encode(line).decode() + "\n"
