"""`pip install` of the graph, from servers that are warm and from ones that are empty and far away.

Far away uv installs through the peers as well: that is where a cold installation by uv, which is
measured beside, has its peers from. A server of folders caches nothing, and has no part in that.
"""

from contextlib import ExitStack

from benchmarks.distance import far_upstream
from benchmarks.figures import COLD_INSTALL, DIRECT, PIP_COLD, PIP_WARM, Work
from benchmarks.hosts import PYPISERVER
from benchmarks.loads import install
from benchmarks.processes import cpu_seconds
from benchmarks.servers import BASELINE, OURS, PEERS, SERVERS, Place, place, started
from benchmarks.session import Session
from benchmarks.warm import Up, turn, upstream_of

CACHES = tuple(name for name in PEERS if name != PYPISERVER)
PIP = "pip"


def measure(session: Session) -> None:
    (session.folder / "pip").mkdir()
    _measure_warm(session)
    _measure_cold(session)


def _measure_warm(session: Session) -> None:
    with ExitStack() as stack:
        upstream = stack.enter_context(upstream_of(session))
        ups = []
        for name in (BASELINE, OURS, *PEERS):
            session.say(f"starting {name}, and an install that warms it")
            with session.noting(session.figures.of(PIP_WARM, name)):
                server = SERVERS[name](
                    place(session.folder / f"pip-{name}", session.index, upstream)
                )
                up = Up(server, stack.enter_context(started(server)))
                _install(session, server.simple, PIP)
                ups.append(up)
        for number in session.rounds(session.plan.pips, PIP_WARM.title):
            for up in turn(ups, number):
                figure = session.figures.of(PIP_WARM, up.name)
                if session.wants(figure):
                    with session.noting(figure):
                        used = cpu_seconds(up.child.pid)
                        seconds = _install(session, up.server.simple, PIP)
                        figure.add(seconds, processor=cpu_seconds(up.child.pid) - used)


def _measure_cold(session: Session) -> None:
    everybody = [(PIP_COLD, PIP, name) for name in (DIRECT, OURS, *CACHES)]
    everybody += [(COLD_INSTALL, "uv", name) for name in CACHES]
    figures = [session.figures.of(work, name) for work, _, name in everybody]
    with (
        session.noting(*figures),
        far_upstream(session.index.tree, session.folder / "pip-far", tls=True) as upstream,
    ):
        for number in session.rounds(session.plan.cold_pips, PIP_COLD.title):
            for work, tool, name in everybody:
                folder = session.folder / f"pip-cold-{name}-{tool}-{number}"
                with session.noting(session.figures.of(work, name)):
                    home = place(folder, session.index, upstream)
                    _install_cold(session, work, tool, name, home)


def _install_cold(session: Session, work: Work, tool: str, name: str, home: Place) -> None:
    """Install through a server that has just been set up, or through none."""
    figure = session.figures.of(work, name)
    if not session.wants(figure):
        return
    if name == DIRECT:
        figure.add(_install(session, home.upstream, tool))
        return
    server = SERVERS[name](home)
    with started(server) as child:
        used = cpu_seconds(child.pid)
        seconds = _install(session, server.simple, tool)
        figure.add(seconds, processor=cpu_seconds(child.pid) - used)


def _install(session: Session, simple: str, tool: str) -> float:
    return install(simple, session.index.graph, session.folder / "pip", tool)
