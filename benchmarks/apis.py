"""PyPI's other APIs: a hot document of the JSON API, and the list of 700,000 projects."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

from benchmarks import many
from benchmarks.figures import CORE_TIME, JSON_API, ROOT, ROOT_CHANGE, Work
from benchmarks.hosts import token
from benchmarks.loads import Page, ask, wrk
from benchmarks.packages import SMALL, write_with_twin
from benchmarks.processes import Unmeasured, cpu_seconds
from benchmarks.servers import BASELINE, OURS, SERVERS, place, started
from benchmarks.session import Session
from benchmarks.warm import Up, upstream_of
from cloche import catalog
from cloche.catalog.schema import REVISION
from tests.packages import wheel
from tests.web.forms import upload

SERVED = (BASELINE, OURS)
DOCUMENT, LIST = f"/pypi/{SMALL}/json", "/simple/"
CHANGES = 20


def measure(session: Session) -> None:
    """Start nginx and cloche, the latter on a catalog full of projects."""
    works = (JSON_API, ROOT)
    with ExitStack() as stack:
        upstream = stack.enter_context(upstream_of(session))
        ups = []
        for name in SERVED:
            session.say(f"starting {name}")
            with session.noting(*(session.figures.of(work, name) for work in works)):
                where = place(session.folder / f"apis-{name}", session.index, upstream)
                server = SERVERS[name](where)
                if name == OURS:
                    _fill(session, where.folder / "data")
                ups.append(Up(server, stack.enter_context(started(server))))
        if len(ups) == len(SERVED):
            _measure_hot(session, ups, JSON_API, DOCUMENT)
            _measure_hot(session, ups, ROOT, LIST)
            _measure_change(session, ups[1])


def _fill(session: Session, data: Path) -> None:
    """Give the server a catalog with many projects, made once on this machine."""
    edition = hashlib.sha256(Path(many.__file__).read_bytes() + REVISION.encode()).hexdigest()[:12]
    kept = Path(tempfile.gettempdir()) / f"cloche-benchmark-many-{edition}.db"
    if not kept.exists():
        session.say(f"recording {many.PROJECTS:,} projects, which takes a minute or two")
        scratch = session.folder / "many.db"
        stored = catalog.connect(f"sqlite:///{scratch}")
        many.fill(stored, "main", many.PROJECTS)
        stored.database.close()
        stored.beacon.close()
        shutil.move(scratch, kept)
    data.mkdir(parents=True)
    shutil.copy(kept, data / "cloche.db")


def _measure_hot(session: Session, ups: Sequence[Up], work: Work, path: str) -> None:
    """Give nginx what cloche answers, and ask both for it in turns."""
    theirs, ours = ups
    urls = {OURS: ours.url(path), BASELINE: theirs.url(f"/hot/{work.key}/")}
    with session.noting(*(session.figures.of(work, name) for name in SERVED)):
        ask(urls[OURS])  # the first answer is worked out
        page = ask(urls[OURS])
        _check(work, page)
        folder = theirs.server.command.folder / "hot" / work.key
        folder.mkdir(parents=True)
        write_with_twin(folder / "index.json", page.body, page.wire)
        for number in session.rounds(session.plan.hot_rounds, work.title):
            for up in ups[:: (-1) ** number]:
                _ask_away(session, up, work, urls[up.name])


def _check(work: Work, page: Page) -> None:
    said = json.loads(page.body)
    count = len(said["projects"]) if work is ROOT else len(said["urls"])
    if count < (many.PROJECTS if work is ROOT else 1):
        raise Unmeasured(f"the answer lists {count} things")


def _ask_away(session: Session, up: Up, work: Work, url: str) -> None:
    figure = session.figures.of(work, up.name)
    page = ask(url)
    began, used = perf_counter(), cpu_seconds(up.child.pid)
    burst = wrk(url, page, session.plan.hot_seconds)
    busy = (cpu_seconds(up.child.pid) - used) / (perf_counter() - began)
    details = {"core used": busy * 100, CORE_TIME: busy / burst.rate * 1e6, "p99": burst.p99}
    figure.remark = f"compressed, {len(page.wire):,} bytes"
    figure.add(burst.rate, **details)


def _measure_change(session: Session, up: Up) -> None:
    """Upload with and without asking for the list after each: the difference is the list's."""
    figure = session.figures.of(ROOT_CHANGE, up.name)
    with session.noting(figure):
        secret = token(up.server)
        for _ in session.rounds(session.plan.hot_rounds, ROOT_CHANGE.title):
            spent = [_spent(up, secret, asking=asking) for asking in (False, True)]
            figure.add((spent[1] - spent[0]) / CHANGES * 1000)


def _spent(up: Up, secret: str, *, asking: bool) -> float:
    """Processor seconds of some uploads, each of a project of its own."""
    used = cpu_seconds(up.child.pid)
    for name in _names():
        reply = upload(up.url(""), wheel(name, "1.0"), secret)
        if reply.status != 200:
            raise Unmeasured(f"the upload was answered {reply.status} {reply.reason}")
        if asking:
            ask(up.url(LIST))
    return cpu_seconds(up.child.pid) - used


_numbers = iter(range(10**9))


def _names() -> Iterator[str]:
    for _ in range(CHANGES):
        number = next(_numbers)
        yield f"{chr(97 + number % 26)}-new-{number}"
