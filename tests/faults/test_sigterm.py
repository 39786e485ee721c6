"""The server is asked to end, as a service manager does, in the middle of its work."""

import http.client
import signal
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.bench import Bench
from tests.faults.mortal import Mortal
from tests.faults.scenes import COLD, NEW
from tests.faults.wire import BROKEN, Uploading, file_url, is_whole, page, taken
from tests.upstream.fetching import Fetched, fetch
from tests.waiting import length, until

PATIENT = {"CLOCHE_SERVER__SHUTDOWN_GRACE": "60"}
HASTY = {"CLOCHE_SERVER__SHUTDOWN_GRACE": "1"}
SOON = 20.0
"""Seconds in which a server with one second of grace has ended, on a crowded machine too."""
DEADLINE = 60.0

workers = pytest.mark.parametrize("workers", [1, 2], ids=["one worker", "two workers"])


class Reader:
    """A client that reads a file while the test goes on."""

    def __init__(self, url: str) -> None:
        self._got: list[Fetched] = []
        self._thread = threading.Thread(target=self._read, args=(url,))
        self._thread.start()

    def _read(self, url: str) -> None:
        self._got.append(fetch(url, seconds=DEADLINE))

    def result(self) -> Fetched:
        self._thread.join(DEADLINE)
        return self._got[0]


def terminate(server: Mortal) -> None:
    """Ask the server to end; return when it takes no new client any more."""
    server.signal(signal.SIGTERM)
    until(lambda: not answers(server.url))


def answers(url: str) -> bool:
    try:
        return fetch(f"{url}/-/health", seconds=5).status == 200
    except BROKEN:
        return False


def grown(folder: Path) -> bool:
    """Say whether bytes of an upload or a download have come to the disk."""
    return any(length(file) >= 1_000_000 for file in folder.iterdir())


@workers
def test_an_upload_ends_well(bench: Bench, workers: int) -> None:
    """An upload under way at SIGTERM is answered 200 and kept, then all ends with 0."""
    with bench.server(env=PATIENT, workers=workers) as server:
        uploading = Uploading(server.url, bench.token, NEW)
        until(lambda: grown(bench.store.data / "spool" / "uploads"))
        terminate(server)

        reply = uploading.finish()

        assert reply.status == 200, reply
        assert server.ended(SOON) == 0
    with bench.server() as server:
        assert is_whole(server.url, NEW)
    bench.ends_clean()


@workers
def test_an_upload_that_stalls_is_given_up(bench: Bench, workers: int) -> None:
    """An upload that stalls holds the end up for the grace alone, and leaves nothing behind."""
    with bench.server(env=HASTY, workers=workers) as server:
        uploading = Uploading(server.url, bench.token, NEW)
        until(lambda: grown(bench.store.data / "spool" / "uploads"))
        server.signal(signal.SIGTERM)

        assert server.ended(SOON) == 0

        uploading.close()
        assert bench.store.litter() == set()
    with bench.server() as server:
        assert page(server.url, NEW.project) == {}
    bench.ends_clean()


@workers
def test_a_fetch_ends_well(bench: Bench, workers: int) -> None:
    """A file on its way at SIGTERM is sent whole and kept, then all ends with 0."""
    bench.upstream.add(COLD)
    with bench.server(env=PATIENT, workers=workers) as server:
        where = file_url(server.url, COLD)
        with bench.upstream.gate(bench.upstream.file(COLD), after="half"):
            reader = Reader(where)
            until(lambda: grown(bench.store.data / "spool" / "downloads"))
            terminate(server)

        got = reader.result()

        assert (got.status, got.error, got.body == COLD.content) == (200, None, True)
        assert server.ended(SOON) == 0
    with bench.upstream.down(), bench.server() as heir:
        assert taken(where.replace(server.url, heir.url)) == COLD.content
    bench.ends_clean()


def test_a_fetch_that_nobody_waits_for_ends_well(bench: Bench) -> None:
    """A file on its way at SIGTERM is kept although the client that asked for it has left."""
    bench.upstream.add(COLD)
    path = bench.upstream.file(COLD)
    with bench.server(env=PATIENT) as server:
        where = file_url(server.url, COLD)
        with bench.upstream.gate(path, after="half"):
            fetch(where, most=1000)
            until(lambda: grown(bench.store.data / "spool" / "downloads"))
            terminate(server)

        assert server.ended(SOON) == 0
    bench.upstream.forget()
    with bench.server() as server:
        assert is_whole(server.url, COLD)
    assert path not in [one.path for one in bench.upstream.requests(path)]
    bench.ends_clean()


@workers
def test_a_fetch_that_stalls_is_resumed(bench: Bench, workers: int) -> None:
    """A stalled fetch holds the end up for the grace alone; the next server resumes it."""
    bench.upstream.add(COLD)
    path = bench.upstream.file(COLD)
    with bench.server(env=HASTY, workers=workers) as server:
        where = file_url(server.url, COLD)
        with bench.upstream.gate(path, after="half"):
            reader = Reader(where)
            until(lambda: grown(bench.store.data / "spool" / "downloads"))
            server.signal(signal.SIGTERM)

            assert server.ended(SOON) == 0

        assert reader.result().error is not None
    bench.upstream.forget()
    with bench.server() as server:
        assert is_whole(server.url, COLD)
    (again,) = [one for one in bench.upstream.requests(path) if one.path == path]
    assert again.status == 206
    bench.ends_clean()


@workers
def test_an_idle_client_holds_nothing_up(bench: Bench, workers: int) -> None:
    """A connection that is kept open for a next request does not delay the end."""
    with bench.server(env=PATIENT, workers=workers) as server:
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
        with closing(connection):
            connection.request("GET", "/-/health")
            connection.getresponse().read()
            server.signal(signal.SIGTERM)

            assert server.ended(SOON) == 0
    bench.ends_clean()
