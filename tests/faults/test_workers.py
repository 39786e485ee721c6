"""One of several processes is killed; the others, and the next to come, carry on."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.bench import Bench
from tests.faults.scenes import COLD, NEW
from tests.faults.wire import acknowledged, file_url, is_whole, taken
from tests.ports import free_port
from tests.upstream.fetching import fetch

CLIENTS = 6
SOON = 60.0
"""Seconds in which workers notice that they are alone."""
FETCHING = (
    "before create part",
    "halfway through write part #3",
    "before rename part to blob",
    "before insert held",
)
UPLOADING = ("halfway through write upload #3", "before insert uploads", "after commit")


@pytest.mark.parametrize("moment", FETCHING)
def test_a_worker_is_killed_while_it_fetches(bench: Bench, moment: str) -> None:
    """No client of either worker takes a broken file for whole, and the next gets it whole."""
    bench.upstream.add(COLD)
    with bench.server(at=moment, workers=2) as server:
        where = file_url(server.url, COLD)
        bench.arms.arm()
        with ThreadPoolExecutor(CLIENTS) as pool:
            bodies = list(pool.map(taken, [where] * CLIENTS))

        assert set(bodies) <= {None, COLD.content}
        assert bench.arms.fired
        assert is_whole(server.url, COLD)
        bench.keeps(server)
    bench.ends_clean()


@pytest.mark.parametrize("moment", UPLOADING)
def test_a_worker_is_killed_while_it_takes_an_upload(bench: Bench, moment: str) -> None:
    """What one of the workers did not answer can be uploaded to the others."""
    with bench.server(at=moment, workers=2) as server:
        bench.arms.arm()

        assert not acknowledged(server.url, bench.token, NEW)

        assert bench.arms.fired
        assert acknowledged(server.url, bench.token, NEW)
        assert is_whole(server.url, NEW)
        bench.keeps(server)
    bench.ends_clean()


def test_all_processes_are_killed(bench: Bench) -> None:
    """After the main process and its workers were killed at once, nothing is lost or left over."""
    bench.upstream.add(COLD)
    with bench.server(workers=2) as server:
        assert acknowledged(server.url, bench.token, NEW)
        where = file_url(server.url, COLD)
        with bench.upstream.gate(bench.upstream.file(COLD), after="half"):
            assert fetch(where, most=1000).status == 200
            server.kill()

    with bench.server(workers=2) as server:
        assert is_whole(server.url, NEW)
        assert is_whole(server.url, COLD)
        bench.keeps(server)
    bench.ends_clean()


def test_the_main_process_is_killed(bench: Bench) -> None:
    """When the main process alone is killed its workers end, and another can take its address."""
    with bench.server(workers=2, port=free_port()) as server:
        assert acknowledged(server.url, bench.token, NEW)
        server.signal(signal.SIGKILL)
        server.orphaned(SOON)
        server.kill()  # it has ended, and not well: that was the point

        with bench.server(workers=2, port=server.port) as heir:
            assert is_whole(heir.url, NEW)
            bench.keeps(heir)
    bench.ends_clean()
