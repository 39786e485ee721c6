"""Many clients at once who want one large file that cloche does not have yet.

Nginx has it, on its disk: that is what serving so many bytes takes at least here. The clients leave
the bytes with the kernel, which counts them: that costs the load little, and both the same. After
them one more reads the file, and compares it with what its upstream lists.
"""

import re
import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.bulky import SIZES, bulky, digest, filename
from benchmarks.figures import CROWD, CROWD_ASKED
from benchmarks.hits import Question, linked, verify
from benchmarks.nginx import Site, nginx
from benchmarks.packages import Index
from benchmarks.processes import Unmeasured, answers, cpu_seconds, free_port, memory, running
from benchmarks.servers import BASELINE, OURS, SERVERS, cloche, forget, place, started
from benchmarks.session import Session
from benchmarks.warm import Up

CLIENTS = 200
PROJECT = "bulky-50m"
PATIENCE = 180.0
PIECE = 4 << 20
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


def measure(session: Session) -> None:
    index = bulky(session.index)
    theirs, ours = session.figures.of(CROWD, BASELINE), session.figures.of(CROWD, OURS)
    asked = session.figures.of(CROWD_ASKED, OURS)
    question = (SIZES[PROJECT], digest(index, PROJECT))
    with session.noting(theirs, ours, asked):
        for _ in session.rounds(session.plan.crowds, CROWD.title):
            where = place(session.folder / "crowd-nginx", index, "")
            server = SERVERS[BASELINE](where)
            with started(server) as child:
                at = Up(server, child).url(f"/files/{filename(PROJECT)}")
                verify(Question(at, *question))
                theirs.add(_served(at, SIZES[PROJECT]))
            with _logged(session, index) as (upstream, log):
                home = place(session.folder / "crowd-cloche", index, upstream)
                forget(home)
                server = cloche(home)
                with started(server) as child:
                    used = cpu_seconds(child.pid)
                    at = linked(Up(server, child), PROJECT)
                    seconds = _served(at, SIZES[PROJECT])
                    used = cpu_seconds(child.pid) - used
                    ours.add(seconds, processor=used, resident=memory(child.pid).rss)
                    verify(Question(at, *question))
                asked.add(log.read_text().count(f'"GET /files/{filename(PROJECT)} '))


@contextmanager
def _logged(session: Session, index: Index) -> Iterator[tuple[str, Path]]:
    """Serve the index as an upstream that writes down what it is asked for."""
    port, folder = free_port(), session.folder / "crowd-upstream"
    site = Site(index.tree, folder, f"127.0.0.1:{port}", log=True)
    folder.mkdir(exist_ok=True)
    log = folder / "access.log"
    log.write_text("")
    with running(nginx("crowd upstream", site)) as child:
        child.wait_until(answers(port, "/simple/"))
        yield f"http://127.0.0.1:{port}/simple/", log


def _served(url: str, size: int) -> float:
    """Seconds until every client of the crowd has had the whole of it."""
    parts = urlsplit(url)
    request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    began = time.perf_counter()
    with selectors.DefaultSelector() as waiting:
        sockets = [socket.create_connection((parts.hostname, parts.port)) for _ in range(CLIENTS)]
        try:
            for each in sockets:
                each.sendall(request)
                each.settimeout(0)  # the selector says when there is something
                waiting.register(each, selectors.EVENT_READ, None)
            _receive(waiting, size, began + PATIENCE)
        finally:
            for each in sockets:
                each.close()
    return time.perf_counter() - began


def _receive(waiting: selectors.BaseSelector, size: int, deadline: float) -> None:
    """Read until nobody waits any more. A client's data is how much it still lacks."""
    piece = bytearray(PIECE)
    while waiting.get_map():
        ready = waiting.select(max(0.0, deadline - time.perf_counter()))
        if not ready:
            lacking = len(waiting.get_map())
            raise Unmeasured(f"{lacking} of {CLIENTS} clients lacked bytes in {PATIENCE:.0f} s")
        for key, _ in ready:
            connection: socket.socket = key.fileobj  # type: ignore[assignment]  # sockets alone
            left = key.data
            if left is None:
                left = _after_head(connection, size)
            else:
                left -= _skipped(connection, piece, left)
            if left:
                waiting.modify(connection, selectors.EVENT_READ, left)
            else:
                waiting.unregister(connection)


def _after_head(connection: socket.socket, size: int) -> int:
    """Read the head, which servers send in one piece, and return what is still to come."""
    got = connection.recv(65536)
    head, end, rest = got.partition(b"\r\n\r\n")
    length = _LENGTH.search(head + b"\r\n")
    if not end or not head.startswith(b"HTTP/1.1 200 ") or not length or int(length[1]) != size:
        raise Unmeasured(f"the answer began with {got[:200]!r}")
    return size - len(rest)


def _skipped(connection: socket.socket, piece: bytearray, left: int) -> int:
    got = connection.recv_into(piece, min(len(piece), left), socket.MSG_TRUNC)
    if not got:
        raise Unmeasured(f"a client was cut off {left} bytes before the end")
    return got
