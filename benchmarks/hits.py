"""Hot answers beside pages, of nginx and cloche: 304, `.metadata`, files from small to large."""

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from time import perf_counter
from urllib.parse import urljoin, urlsplit

from benchmarks.bulky import SIZES, bulky, digest, filename
from benchmarks.figures import (
    CORE_TIME,
    FILE_LARGE,
    FILE_MEDIUM,
    FILE_SMALL,
    METADATA,
    NOT_MODIFIED,
    Work,
)
from benchmarks.loads import CONNECTIONS, HEADERS, SLOW_CONNECTIONS, ask, hammer
from benchmarks.packages import SMALL, Index, write_with_twin
from benchmarks.processes import DEADLINE, Unmeasured, cpu_seconds
from benchmarks.servers import BASELINE, OURS, SERVERS, place, started
from benchmarks.session import Session
from benchmarks.warm import Up, turn, upstream_of

FILES = {FILE_SMALL: "bulky-60k", FILE_MEDIUM: "bulky-5m", FILE_LARGE: "bulky-500m"}
LARGE = 1_000_000
"""Bytes from which on few answers come in a round: these have few connections at a time, bytes are
counted, and what is under way at the end with them."""
LONG = 5  # seconds
HEAD = 1000  # bytes that the head of an answer has at most
PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a server, the bytes of its body, and the digest of these if it has one."""

    url: str
    size: int
    sha256: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def measure(session: Session) -> None:
    works = (NOT_MODIFIED, METADATA, *FILES)
    index = bulky(session.index)
    with ExitStack() as stack:
        upstream = stack.enter_context(upstream_of(session, index))
        ups = []
        for name in (BASELINE, OURS):
            session.say(f"starting {name}")
            with session.noting(*(session.figures.of(work, name) for work in works)):
                server = SERVERS[name](place(session.folder / f"hits-{name}", index, upstream))
                ups.append(Up(server, stack.enter_context(started(server))))
        if len(ups) == 2:
            theirs, ours = ups
            _measure(session, NOT_MODIFIED, ups, lambda: _not_modified(theirs, ours))
            _measure(session, METADATA, ups, lambda: _metadata(index, theirs, ours))
            for work in FILES:
                _measure_file(session, work, index, ups)


def _measure_file(session: Session, work: Work, index: Index, ups: Sequence[Up]) -> None:
    theirs, ours = ups
    project = FILES[work]
    told = SIZES[project], digest(index, project)

    def questions() -> list[Question]:
        path = f"/files/{filename(project)}"
        return [Question(theirs.url(path), *told), Question(linked(ours, project), *told)]

    _measure(session, work, ups, questions)


def linked(up: Up, project: str) -> str:
    """The URL of the file that the project's page names first."""
    url = up.url(up.server.page(project))
    return urljoin(url, str(json.loads(ask(url).body)["files"][0]["url"]))


def _not_modified(theirs: Up, ours: Up) -> list[Question]:
    """Let nginx serve cloche's page, and ask each by the ETag that it gave."""
    page = ask(ours.url(ours.server.page(SMALL)))
    folder = theirs.server.command.folder / "hot" / SMALL
    folder.mkdir(parents=True)
    write_with_twin(folder / "index.json", page.body, page.wire)
    urls = [up.url(up.server.page(SMALL)) for up in (theirs, ours)]
    return [Question(url, 0, headers={"If-None-Match": _etag(url)}) for url in urls]


def _etag(url: str) -> str:
    connection, reply = _open(url, {})
    reply.read()
    connection.close()
    return reply.headers["ETag"] or ""


def _metadata(index: Index, theirs: Up, ours: Up) -> list[Question]:
    url = f"{linked(ours, SMALL)}.metadata"
    name = url.rpartition("/")[2]
    body = (index.tree / "files" / name).read_bytes()
    told = len(body), hashlib.sha256(body).hexdigest()
    return [Question(theirs.url(f"/files/{name}"), *told), Question(url, *told)]


def _measure(
    session: Session, work: Work, ups: Sequence[Up], questions: Callable[[], list[Question]]
) -> None:
    figures = [session.figures.of(work, up.name) for up in ups]
    with session.noting(*figures):
        asked = dict(zip([up.name for up in ups], questions(), strict=True))
        for up in ups:
            for _ in range(2):  # the first answer is worked out, or fetched
                verify(asked[up.name])
        for number in session.rounds(session.plan.hot_rounds, work.title):
            for up in turn(ups, number):
                _ask_away(session, up, work, asked[up.name])


def _ask_away(session: Session, up: Up, work: Work, question: Question) -> None:
    size = question.size
    large = size >= LARGE
    began, used = perf_counter(), cpu_seconds(up.child.pid)
    burst = hammer(
        question.url,
        max(LONG, session.plan.hot_seconds) if size >= 100 * LARGE else session.plan.hot_seconds,
        least=size,
        most=math.inf if size else HEAD,  # what is under way at the end is not among the requests
        connections=SLOW_CONNECTIONS if large else CONNECTIONS,
        headers=question.headers,
    )
    busy = (cpu_seconds(up.child.pid) - used) / (perf_counter() - began)
    rate = burst.flow / size if large else burst.rate
    figure = session.figures.of(work, up.name)
    figure.remark = f"{burst.flow / 1e6:,.0f} MB/s" if size >= LARGE else ""
    details = {"core used": busy * 100, CORE_TIME: busy / rate * 1e6, "p99": burst.p99}
    figure.add(rate, **details)


def verify(question: Question) -> None:
    """Ask once, and raise Unmeasured unless the answer is what it should be."""
    connection, reply = _open(question.url, question.headers)
    seen, size = hashlib.sha256(), 0
    while piece := reply.read(PIECE):
        seen.update(piece)
        size += len(piece)
    connection.close()
    if reply.status != (200 if question.size else 304) or size != question.size:
        raise Unmeasured(f"{question.url} answered {reply.status} with {size} bytes")
    if question.sha256 and seen.hexdigest() != question.sha256:
        raise Unmeasured(f"{question.url} answered other bytes")


def _open(url: str, headers: dict[str, str]) -> tuple[HTTPConnection, HTTPResponse]:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=DEADLINE)
    try:
        connection.request("GET", parts.path, headers={**HEADERS, **headers})
        return connection, connection.getresponse()
    except (OSError, HTTPException) as error:
        connection.close()
        raise Unmeasured(f"{parts.path} was not answered: {error!r}") from error
