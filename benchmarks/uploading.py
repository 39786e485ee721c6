"""Uploads of wheels by some clients at once, to cloche and to the peers that take any."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import perf_counter

from benchmarks.figures import UPLOADS
from benchmarks.hosts import HOSTS, Host
from benchmarks.processes import DEADLINE, Child, Unmeasured, cpu_seconds
from benchmarks.servers import place, started
from benchmarks.session import Session
from tests.packages import wheel
from tests.web.forms import encode, headers, parts

CLIENTS = 8
SIZE = 20_000  # bytes of a wheel
PROJECTS = 50
NOBODY = "http://127.0.0.1:9/simple/"  # an upload asks no upstream


@dataclass(frozen=True, slots=True)
class Taking:
    """A server that runs, and who uploads to it."""

    name: str
    host: Host
    child: Child
    login: dict[str, str]


def measure(session: Session) -> None:
    with ExitStack() as stack:
        takers = [taking for name in HOSTS for taking in _started(session, stack, name)]
        for number in session.rounds(session.plan.uploads, UPLOADS.title):
            session.say(f"building {session.plan.uploaded} wheels")
            forms = _forms(number, session.plan.uploaded)
            for taking in takers:
                figure = session.figures.of(UPLOADS, taking.name)
                if session.wants(figure):
                    with session.noting(figure):
                        used = cpu_seconds(taking.child.pid)
                        rate, most = _rate(session, taking, forms)
                        busy = cpu_seconds(taking.child.pid) - used
                        figure.add(rate, processor=busy, slowest=most * 1000)


def _started(session: Session, stack: ExitStack, name: str) -> Iterator[Taking]:
    session.say(f"starting {name} for uploads")
    with session.noting(session.figures.of(UPLOADS, name)):
        host = HOSTS[name](place(session.folder / f"uploads-{name}", session.index, NOBODY))
        child = stack.enter_context(started(host.server))
        yield Taking(name, host, child, host.login())


def _forms(number: int, count: int) -> list[bytes]:
    """Wheels of this round, no two alike, as the forms in which they are sent."""
    return [
        encode(parts(wheel(f"up-{each % PROJECTS}", f"{number}.{each // PROJECTS}", size=SIZE)))
        for each in range(count)
    ]


def _rate(session: Session, taking: Taking, forms: list[bytes]) -> tuple[float, float]:
    """Uploads a second until all are done or time is over, and the seconds of the slowest."""
    waiting: SimpleQueue[bytes] = SimpleQueue()
    for form in forms:
        waiting.put(form)
    took: list[float] = []
    failures: list[str] = []
    until = perf_counter() + session.plan.upload_seconds

    def upload_some() -> None:
        connection = http.client.HTTPConnection(
            "127.0.0.1", taking.host.server.port, timeout=DEADLINE
        )
        try:
            while not failures and perf_counter() < until:
                began = perf_counter()
                _upload(connection, taking, waiting.get_nowait())
                took.append(perf_counter() - began)
        except Empty:
            pass
        except (Unmeasured, OSError, http.client.HTTPException) as error:
            failures.append(repr(error))
        finally:
            connection.close()

    began = perf_counter()
    clients = [threading.Thread(target=upload_some) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    if failures or not took:
        raise Unmeasured(f"an upload failed: {failures[0] if failures else 'none came through'}")
    return len(took) / (perf_counter() - began), max(took)


def _upload(connection: http.client.HTTPConnection, taking: Taking, form: bytes) -> None:
    connection.request("POST", taking.host.path, form, {**headers(), **taking.login})
    reply = connection.getresponse()
    said = reply.read()
    if reply.status != http.HTTPStatus.OK:
        raise Unmeasured(f"{reply.status} {reply.reason} {said[:200]!r}")
