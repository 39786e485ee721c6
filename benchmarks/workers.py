"""Two workers against one, each with a core, and two more for the load where there are any.

Where there are none, workers and load share two cores, and what is compared is what the workers do
in a second of processor time: what they cost each other is in that, and what the load takes is not.
Asked for on so many connections that the kernel gives about half of them to either.
"""

import os
from contextlib import ExitStack
from dataclasses import dataclass, replace
from time import perf_counter

from benchmarks.figures import ALONE, WORKERS, Figure
from benchmarks.loads import ask, hammer
from benchmarks.packages import SMALL
from benchmarks.processes import BOTH_CORES, Child, Unmeasured, cpu_seconds
from benchmarks.servers import OURS, cloche, place, started
from benchmarks.session import Session
from benchmarks.warm import upstream_of

CORES = 4
CONNECTIONS = 256
WORKER_CORES, LOAD_CORES = "0,2", "1,3"
SHARED = "for want of cores, in a second of processor time of each worker"


def measure(session: Session) -> None:
    figures = [session.figures.of(WORKERS, name) for name in (ALONE, OURS)]
    with session.noting(*figures), ExitStack() as stack:
        if (os.cpu_count() or 1) < 2:
            raise Unmeasured("not measurable here: there is one core")
        upstream = stack.enter_context(upstream_of(session))
        crews = [
            _crew(session, stack, upstream, figure, workers)
            for workers, figure in enumerate(figures, 1)
        ]
        for _ in session.rounds(session.plan.hot_rounds, WORKERS.title):
            for crew in crews:
                crew.measure(session.plan.hot_seconds)


@dataclass(frozen=True, slots=True)
class Crew:
    """A server of so many workers, the page that is asked for, and what came of it."""

    child: Child
    url: str
    workers: int
    figure: Figure

    def measure(self, seconds: float) -> None:
        began, used = perf_counter(), cpu_seconds(self.child.pid)
        burst = hammer(
            self.url,
            seconds,
            least=len(ask(self.url).wire),
            connections=CONNECTIONS,
            threads=2,
            cores=LOAD_CORES if _cores_to_spare() else BOTH_CORES,
        )
        busy = (cpu_seconds(self.child.pid) - used) / (perf_counter() - began)
        capacity = burst.rate / busy * self.workers
        if _cores_to_spare():
            self.figure.add(burst.rate, p99=burst.p99)
        else:
            self.figure.remark = SHARED
            self.figure.add(capacity, p99=burst.p99, **{"core used": busy * 100})


def _cores_to_spare() -> bool:
    return (os.cpu_count() or 1) >= CORES


def _crew(session: Session, stack: ExitStack, upstream: str, figure: Figure, workers: int) -> Crew:
    """Start it, and have each worker answer."""
    session.say(f"starting {figure.server} with {workers}")
    server = cloche(place(session.folder / f"workers-{workers}", session.index, upstream))
    words = [*server.command.words, "--workers", str(workers)]
    cores = WORKER_CORES if _cores_to_spare() else BOTH_CORES
    command = replace(server.command, name=figure.server, words=words, cores=cores)
    child = stack.enter_context(started(replace(server, command=command)))
    url = f"{server.simple}{SMALL}/"
    for _ in range(20 * workers):
        ask(url)
    return Crew(child, url, workers, figure)
