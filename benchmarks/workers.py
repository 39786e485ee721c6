"""Two workers against one, on a machine that has a core for each and two for the load.

Asked for on so many connections that the kernel gives about half of them to either.
"""

import os
from contextlib import ExitStack
from dataclasses import replace

from benchmarks.figures import ALONE, WORKERS
from benchmarks.loads import ask, hammer
from benchmarks.packages import SMALL
from benchmarks.processes import Unmeasured
from benchmarks.servers import OURS, cloche, place, started
from benchmarks.session import Session
from benchmarks.warm import upstream_of

CORES = 4
CONNECTIONS = 256
WORKER_CORES, LOAD_CORES = "0,2", "1,3"


def measure(session: Session) -> None:
    figures = [session.figures.of(WORKERS, name) for name in (ALONE, OURS)]
    with session.noting(*figures), ExitStack() as stack:
        cores = os.cpu_count() or 1
        if cores < CORES:
            raise Unmeasured(f"not measurable here: it takes {CORES} cores, and there are {cores}")
        upstream = stack.enter_context(upstream_of(session))
        urls = {
            name: _warm(session, stack, upstream, name, workers)
            for workers, name in enumerate((ALONE, OURS), 1)
        }
        for _ in session.rounds(session.plan.hot_rounds, WORKERS.title):
            for figure in figures:
                burst = hammer(
                    urls[figure.server],
                    session.plan.hot_seconds,
                    least=len(ask(urls[figure.server]).wire),
                    connections=CONNECTIONS,
                    threads=2,
                    cores=LOAD_CORES,
                )
                figure.add(burst.rate, p99=burst.p99)


def _warm(session: Session, stack: ExitStack, upstream: str, name: str, workers: int) -> str:
    """Start it, have each worker answer, and return the URL of the page."""
    session.say(f"starting {name} with {workers}")
    server = cloche(place(session.folder / f"workers-{workers}", session.index, upstream))
    words = [*server.command.words, "--workers", str(workers)]
    command = replace(server.command, name=name, words=words, cores=WORKER_CORES)
    url = f"{server.simple}{SMALL}/"
    stack.enter_context(started(replace(server, command=command)))
    for _ in range(20 * workers):
        ask(url)
    return url
