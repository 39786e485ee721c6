"""How long cloche takes from nothing, and from the data it left, until it is ready."""

import time

from benchmarks.figures import FIRST_START, NEXT_START
from benchmarks.servers import OURS, Place, cloche, forget, place, started
from benchmarks.session import Session

NOBODY = "http://127.0.0.1:9/simple/"  # a start asks no upstream


def measure(session: Session) -> None:
    first = session.figures.of(FIRST_START, OURS)
    following = session.figures.of(NEXT_START, OURS)
    home = place(session.folder / "start", session.index, NOBODY)
    with session.noting(first, following):
        for _ in session.rounds(session.plan.starts, "Starts of cloche"):
            forget(home)
            first.add(_seconds(home))
            following.add(_seconds(home))


def _seconds(home: Place) -> float:
    server = cloche(home)
    began = time.perf_counter()
    with started(server):
        return time.perf_counter() - began
