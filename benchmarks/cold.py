"""An empty cloche far from its upstream, against a client that goes to the upstream itself."""

from benchmarks.distance import far_upstream, round_trip
from benchmarks.figures import COLD_INSTALL, COLD_PLAIN, DIRECT, Figure, Work
from benchmarks.loads import install
from benchmarks.processes import cpu_seconds
from benchmarks.servers import OURS, Place, cloche, place, started
from benchmarks.session import Session


def measure(session: Session) -> None:
    """Install through a new cloche and directly, in turns: as PyPI is reached, and plainly."""
    _measure(session, COLD_INSTALL, tls=True)
    _measure(session, COLD_PLAIN, tls=False)


def _measure(session: Session, work: Work, *, tls: bool) -> None:
    ours, direct = session.figures.of(work, OURS), session.figures.of(work, DIRECT)
    folder = session.folder / work.key
    folder.mkdir()
    with (
        session.noting(ours, direct),
        far_upstream(session.index.tree, folder / "far", tls=tls) as upstream,
    ):
        direct.details["round trip"] = [round_trip(upstream) * 1000]
        for number in session.rounds(session.plan.cold_installs, work.title):
            if session.wants(direct):
                with session.noting(direct):
                    direct.add(install(upstream, session.index.graph, folder))
            if session.wants(ours):
                with session.noting(ours):
                    # Nothing is deleted in between: see `loads.install`.
                    home = place(folder / f"cloche-{number}", session.index, upstream)
                    _install_through_new_cloche(session, ours, home)


def _install_through_new_cloche(session: Session, figure: Figure, home: Place) -> None:
    server = cloche(home)
    with started(server) as child:
        used = cpu_seconds(child.pid)
        seconds = install(server.simple, session.index.graph, home.folder)
        figure.add(seconds, processor=cpu_seconds(child.pid) - used)
