"""All servers up and warm: the hot pages, the installs, and what memory that takes."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from benchmarks.figures import AFTER, CORE_TIME, HOT_LARGE, HOT_SMALL, IDLE, WARM_INSTALL, Work
from benchmarks.loads import Burst, Page, ask, install, warm, wrk
from benchmarks.nginx import Site, nginx
from benchmarks.packages import LARGE, SMALL, Index, write_with_twin
from benchmarks.processes import Child, answers, cpu_seconds, free_port, memory, running
from benchmarks.servers import OURS, SERVERS, Server, place, started
from benchmarks.session import Session


@dataclass(frozen=True, slots=True)
class Up:
    """A server that runs."""

    server: Server
    child: Child

    @property
    def name(self) -> str:
        return self.server.name

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.port}{path}"


def measure(session: Session, *, hot: bool, installs: bool) -> None:
    """Start every server, let them do the work in turns, one at a time, and weigh them."""
    works = [*((HOT_SMALL, HOT_LARGE) if hot else ()), *((WARM_INSTALL,) if installs else ()), IDLE]
    with ExitStack() as stack:
        upstream = stack.enter_context(upstream_of(session))
        ups = _start_all(session, stack, upstream, works)
        _weigh(session, ups, IDLE)
        if hot:
            _measure_hot(session, ups, HOT_SMALL, SMALL, upstream)
            _measure_hot(session, ups, HOT_LARGE, LARGE, upstream)
        if installs:
            _measure_installs(session, ups)
        if hot or installs:
            _weigh(session, ups, AFTER)


@contextmanager
def upstream_of(session: Session, index: Index | None = None) -> Iterator[str]:
    """Serve the index, or another, as an upstream, at the URL that is given."""
    port = free_port()
    tree = (index or session.index).tree
    site = Site(tree, session.folder / "upstream", f"127.0.0.1:{port}")
    with running(nginx("upstream", site)) as child:
        child.wait_until(answers(port, "/simple/"))
        yield f"http://127.0.0.1:{port}/simple/"


def _start_all(
    session: Session, stack: ExitStack, upstream: str, works: Sequence[Work]
) -> list[Up]:
    ups = []
    for name, server_at in SERVERS.items():
        session.say(f"starting {name}")
        with session.noting(*(session.figures.of(work, name) for work in works)):
            folder = session.folder / name.replace(" ", "-")
            server = server_at(place(folder, session.index, upstream))
            ups.append(Up(server, stack.enter_context(started(server))))
    return ups


def _weigh(session: Session, ups: Iterable[Up], work: Work) -> None:
    for up in ups:
        weight = memory(up.child.pid)
        session.figures.of(work, up.name).add(weight.pss, resident=weight.rss)


def _measure_hot(
    session: Session, ups: Sequence[Up], work: Work, project: str, upstream: str
) -> None:
    """Give nginx what cloche serves, check that every server lists the files, and ask away."""
    expected = session.index.filenames[project]
    ours = next((up.url(up.server.page(project)) for up in ups if up.name == OURS), None)
    with session.noting(*(session.figures.of(work, up.name) for up in ups)):
        source = ours or f"{upstream}{project}/"
        warm(source, expected)
        _give_to_nginx(ups, project, source)
    pages = {up.name: page for up in ups if (page := _page(session, up, work, project))}
    for number in session.rounds(session.plan.hot_rounds, work.title):
        for up in turn(ups, number):
            if up.name in pages and session.wants(session.figures.of(work, up.name)):
                ask_away(session, up, work, project, pages[up.name])


def _give_to_nginx(ups: Iterable[Up], project: str, source: str) -> None:
    """Let nginx serve the very bytes of this page, plain and compressed, as static files."""
    packed = ask(source)
    plain = ask(source, **{"Accept-Encoding": "identity"})
    for up in ups:
        if up.server.hot_pages:
            folder = up.server.command.folder / up.server.hot_pages.strip("/") / project
            folder.mkdir(parents=True)
            write_with_twin(folder / "index.json", plain.wire, packed.wire)


def _page(session: Session, up: Up, work: Work, project: str) -> Page | None:
    figure = session.figures.of(work, up.name)
    with session.noting(figure):
        page = warm(up.url(up.server.page(project)), session.index.filenames[project])
        kind = page.content_type.rpartition("/")[2].rpartition("+")[2].upper()
        packed = "compressed" if page.encoding != "identity" else "not compressed"
        figure.remark = f"{kind}, {packed}, {len(page.wire):,} bytes"
        return page
    return None


def ask_away(session: Session, up: Up, work: Work, project: str, page: Page) -> None:
    figure = session.figures.of(work, up.name)
    with session.noting(figure):
        began, used = perf_counter(), cpu_seconds(up.child.pid)
        burst = wrk(up.url(up.server.page(project)), page, session.plan.hot_seconds)
        busy = (cpu_seconds(up.child.pid) - used) / (perf_counter() - began)
        figure.add(burst.rate, **_details(burst, busy))


def _details(burst: Burst, busy: float) -> dict[str, float]:
    """Say what a request costs the core, which noise on the other core cannot change."""
    return {"core used": busy * 100, CORE_TIME: busy / burst.rate * 1e6, "p99": burst.p99}


def _measure_installs(session: Session, ups: Sequence[Up]) -> None:
    for up in ups:
        session.say(f"{up.name}: an install that warms it")
        with session.noting(session.figures.of(WARM_INSTALL, up.name)):
            _install(session, up)
    for number in session.rounds(session.plan.installs, WARM_INSTALL.title):
        for up in turn(ups, number):
            figure = session.figures.of(WARM_INSTALL, up.name)
            if session.wants(figure):
                with session.noting(figure):
                    used = cpu_seconds(up.child.pid)
                    seconds = _install(session, up)
                    figure.add(seconds, processor=cpu_seconds(up.child.pid) - used)


def _install(session: Session, up: Up) -> float:
    folder: Path = session.folder / "client"
    folder.mkdir(exist_ok=True)
    return install(up.server.simple, session.index.graph, folder)


def turn(ups: Sequence[Up], number: int) -> list[Up]:
    """Let another server begin each round, so that none always comes after the same."""
    shift = number % len(ups) if ups else 0
    return [*ups[shift:], *ups[:shift]]
