"""A mixed load at half of what cloche can do, with and without an upstream that hangs.

Of a hundred requests eighty are pages, fifteen files, four metadata and one an upload. Beside them,
in both cases alike, somebody asks four times a second for a project that only another upstream
could know. That one is stopped (SIGSTOP) in one case: it takes connections, and says nothing.
"""

import asyncio
import json
import os
import signal
import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from random import Random
from urllib.parse import urljoin, urlsplit

from benchmarks.figures import MIXED, UNHUNG
from benchmarks.hosts import token
from benchmarks.loads import HEADERS, ask
from benchmarks.nginx import Site, nginx
from benchmarks.pacing import Load, Pace
from benchmarks.processes import Child, Unmeasured, answers, cpu_seconds, free_port, running
from benchmarks.servers import OURS, configured, place, started
from benchmarks.session import Session
from benchmarks.warm import Up, upstream_of
from tests.packages import wheel
from tests.web.forms import encode, headers, parts

PAGES, FILES, METADATA = 80, 15, 4  # of a hundred; the rest are uploads
BUILT = 12_000  # uploads that there are at most
ASIDE = 0.25  # seconds between two requests that meet the upstream that may hang
CONFIG = """\
[upstream.pypi]
url = "{upstream}"

[upstream.slow]
url = "{slow}"

[index.main]
default = true
uploads = true
sources = ["pypi"]

[index.other]
sources = ["slow"]
"""

_numbers = count()


def measure(session: Session) -> None:
    ours, calm = session.figures.of(MIXED, OURS), session.figures.of(MIXED, UNHUNG)
    with session.noting(ours, calm), ExitStack() as stack:
        upstream = stack.enter_context(upstream_of(session))
        slow, url = stack.enter_context(_slow(session))
        where = place(session.folder / "mixed", session.index, upstream)
        config = where.folder / "cloche.toml"
        config.write_text(CONFIG.format(upstream=upstream, slow=url))
        session.say("starting cloche with two upstreams")
        server = configured(where, OURS, config)
        up = Up(server, stack.enter_context(started(server)))
        requests = _requests(session, up)
        seconds = session.plan.mixed_seconds
        most = _rate(asyncio.run(_loaded(up, requests, seconds, 0)))
        session.say(f"mixed load: {most:,.0f}/s at most")
        for number in session.rounds(session.plan.mixed, MIXED.title):
            for figure, hanging in ((ours, True), (calm, False))[:: (-1) ** number]:
                with _stopped(slow, hanging=hanging):
                    used = cpu_seconds(up.child.pid)
                    load = asyncio.run(_loaded(up, requests, seconds, most / 2))
                    busy = (cpu_seconds(up.child.pid) - used) / load.seconds
                p50, p99 = _quantiles(load)
                figure.add(p99, median=p50, **{"core used": busy * 100})
                figure.remark = f"{most / 2:,.0f} requests/s, {len(load.took):,} in all, no error"


@contextmanager
def _slow(session: Session) -> Iterator[tuple[Child, str]]:
    """Serve the index as an upstream that can be stopped."""
    port = free_port()
    site = Site(session.index.tree, session.folder / "slow", f"127.0.0.1:{port}")
    with running(nginx("slow upstream", site)) as child:
        child.wait_until(answers(port, "/simple/"))
        yield child, f"http://127.0.0.1:{port}/simple/"


@contextmanager
def _stopped(child: Child, *, hanging: bool) -> Iterator[None]:
    """Have the process, and those that it has started, do nothing meanwhile."""
    if not hanging:
        yield
        return
    os.killpg(child.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(child.pid, signal.SIGCONT)


async def _loaded(up: Up, requests: Iterator[bytes], seconds: float, rate: float) -> Load:
    aside = asyncio.create_task(_ask_aside(up))
    try:
        return await Pace(up.server.port, requests, seconds, rate).run()
    finally:
        aside.cancel()
        with suppress(asyncio.CancelledError):
            await aside


async def _ask_aside(up: Up) -> None:
    """Ask, and leave; nobody waits for the answer before the next is asked."""
    left: list[asyncio.StreamWriter] = []
    try:
        while True:
            path = f"/other/simple/nobodys-{next(_numbers)}/"
            _, writer = await asyncio.open_connection("127.0.0.1", up.server.port)
            left.append(writer)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await asyncio.sleep(ASIDE)
    finally:
        for writer in left:
            writer.transport.abort()


def _rate(load: Load) -> float:
    return len(load.took) / load.seconds


def _quantiles(load: Load) -> tuple[float, float]:
    """Median and p99, in milliseconds."""
    if len(load.took) < 100:
        raise Unmeasured(f"only {len(load.took)} requests were answered")
    parts_of = statistics.quantiles(load.took, n=100)
    return parts_of[49] * 1000, parts_of[98] * 1000


def _requests(session: Session, up: Up) -> Iterator[bytes]:
    """Requests in the proportions above, for as long as there are uploads that are new."""
    pages, files = _known(session, up)
    chance = Random(4)  # noqa: S311 - the same in every run
    session.say(f"building {BUILT} wheels")
    secret = token(up.server)
    uploads = iter([_upload(secret, number) for number in range(BUILT)])

    def drawn() -> Iterator[bytes]:
        while True:
            lot = chance.randrange(100)
            if lot < PAGES:
                yield chance.choice(pages)
            elif lot < PAGES + FILES + METADATA:
                path = chance.choice(files)
                yield _get(path if lot < PAGES + FILES else f"{path}.metadata")
            else:
                upload = next(uploads, None)
                if upload is None:
                    return
                yield upload

    return drawn()


def _known(session: Session, up: Up) -> tuple[Sequence[bytes], Sequence[str]]:
    """Ask for all that the load asks for once, so that cloche has it."""
    pages, files = [], []
    for project in sorted(session.index.graph):
        url = up.url(up.server.page(project))
        listed = json.loads(ask(url).body)["files"]
        newest = urljoin(url, listed[-1]["url"])
        ask(newest)
        ask(f"{newest}.metadata")
        pages.append(_get(urlsplit(url).path))
        files.append(urlsplit(newest).path)
    return pages, files


def _get(path: str) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode()


def _upload(secret: str, number: int) -> bytes:
    body = encode(parts(wheel(f"mixed-{number}", "1.0", size=20_000)))
    told = {**headers(secret), "Host": "x", "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"POST /legacy/ HTTP/1.1\r\n{lines}\r\n".encode() + body
