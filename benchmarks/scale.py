"""A catalog of 700,000 projects and 7 million files, beside one of 700 and 7,000.

Pages are asked for once each, by one client, of a server that has none in memory; of the database
as much is in memory as the system keeps there.
"""

import hashlib
import os
import shutil
import statistics
import tempfile
import time
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from random import Random

from benchmarks import many, vast
from benchmarks.figures import FEW, VAST_PAGE, VAST_START, VAST_UPLOAD, Figure
from benchmarks.hosts import token
from benchmarks.loads import HEADERS
from benchmarks.processes import DEADLINE, Child, Unmeasured, memory
from benchmarks.servers import OURS, Server, cloche, place, started
from benchmarks.session import Session
from cloche.catalog.schema import REVISION
from tests.packages import wheel
from tests.web.forms import encode, headers, parts

SIZES = {FEW: 700, OURS: vast.PROJECTS}  # projects, with ten files each
PAGES, UPLOADS = 500, 100
NOBODY = "http://127.0.0.1:9/simple/"  # nothing here is asked of an upstream

_numbers = count()


def measure(session: Session) -> None:
    figures = [
        session.figures.of(work, name)
        for work in (VAST_START, VAST_PAGE, VAST_UPLOAD)
        for name in SIZES
    ]
    with session.noting(*figures):
        servers = {name: _server(session, projects) for name, projects in SIZES.items()}
        for number in session.rounds(session.plan.scales, VAST_PAGE.title):
            for name, server in servers.items():
                _measure(session, name, server, number)


def _server(session: Session, projects: int) -> Server:
    where = place(session.folder / f"scale-{projects}", session.index, NOBODY)
    data = where.folder / "data"
    data.mkdir()
    session.say(f"copying the catalog of {projects:,} projects")
    shutil.copy(_catalog(session, projects), data / "cloche.db")
    os.sync()  # else what starts next waits for the copy's gigabytes, at its first small write
    return cloche(where)


def _catalog(session: Session, projects: int) -> Path:
    """The catalog, made once on this machine."""
    sources = (Path(str(module.__file__)).read_bytes() for module in (many, vast))
    edition = hashlib.sha256(b"".join([REVISION.encode(), *sources])).hexdigest()[:12]
    kept = Path(tempfile.gettempdir()) / f"cloche-benchmark-vast-{projects}-{edition}.db"
    if not kept.exists():
        session.say(f"recording {projects * vast.FILES:,} files; 7 million take some minutes")
        scratch = session.folder / f"vast-{projects}.db"
        vast.fill(scratch, projects)
        shutil.move(scratch, kept)
    return kept


def _measure(session: Session, name: str, server: Server, number: int) -> None:
    began = time.perf_counter()
    with started(server) as child:
        session.figures.of(VAST_START, name).add(time.perf_counter() - began)
        chance = Random(number)  # noqa: S311 - the same in every run
        names = chance.sample(many.names(SIZES[name]), PAGES)
        _note_pages(session.figures.of(VAST_PAGE, name), server, names, child)
        _note_uploads(session.figures.of(VAST_UPLOAD, name), server)


def _note_pages(figure: Figure, server: Server, names: list[str], child: Child) -> None:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE)) as connection:
        took = [
            _milliseconds(connection, "GET", f"/simple/{name}/", None, HEADERS) for name in names
        ]
    figure.add(_p99(took), median=statistics.median(took), resident=memory(child.pid).rss)


def _note_uploads(figure: Figure, server: Server) -> None:
    told = headers(token(server))
    forms = [encode(parts(wheel(f"scale-{next(_numbers)}", "1.0"))) for _ in range(UPLOADS)]
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE)) as connection:
        took = [_milliseconds(connection, "POST", "/legacy/", form, told) for form in forms]
    figure.add(statistics.median(took), p99=_p99(took))


def _milliseconds(
    connection: HTTPConnection, method: str, path: str, body: bytes | None, told: dict[str, str]
) -> float:
    """How long the answer took to come whole. Raise Unmeasured unless it was 200."""
    began = time.perf_counter()
    try:
        connection.request(method, path, body, told)
        reply = connection.getresponse()
        said = reply.read()
    except (OSError, HTTPException) as error:
        raise Unmeasured(f"{path} was not answered: {error!r}") from error
    if reply.status != HTTPStatus.OK:
        raise Unmeasured(f"{path} was answered {reply.status} {reply.reason} {said[:200]!r}")
    return (time.perf_counter() - began) * 1000


def _p99(took: list[float]) -> float:
    return statistics.quantiles(took, n=100)[98]
