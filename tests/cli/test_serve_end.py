"""How `cloche serve` ends: by Ctrl-C and SIGTERM, with what is in flight."""

import http.client
import os
import signal
import socket
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.asking import served
from tests.cli.program import Program
from tests.packages import wheel
from tests.upstream.controller import Upstream
from tests.waiting import until


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_cleanly(tmp_path: Path, number: signal.Signals, workers: str) -> None:
    """Ctrl-C and SIGTERM end it with success, and without a word."""
    arguments = ("serve", "--port", "0", "--offline", "--workers", workers)
    with Program(tmp_path, *arguments) as program:
        assert served(program.url, "/-/ready")[0] == 200
        program.process.send_signal(number)
        assert program.end() == 0
        assert "rror" not in program.err


@pytest.mark.parametrize("workers", ["1", "2"])
def test_full_disk_under_the_log(tmp_path: Path, workers: str) -> None:
    """SIGTERM ends it with success though its log cannot be written, and answers were given."""
    arguments = ("serve", "--port", "0", "--offline", "--workers", workers)
    with Program(tmp_path, *arguments, full="stderr") as program:
        assert served(program.url, "/-/ready")[0] == 200
        program.process.send_signal(signal.SIGTERM)
        assert program.end() == 0


def test_full_disk_under_the_banner(tmp_path: Path) -> None:
    """What cannot say where it listens serves all the same, says so, and ends with success."""
    arguments = ("serve", "--port", "0", "--offline")
    with Program(tmp_path, *arguments, full="stdout") as program:
        until(lambda: "could not print where it listens" in program.err)
        program.process.send_signal(signal.SIGTERM)
        assert program.end() == 0


def test_ctrl_c_in_a_terminal(tmp_path: Path) -> None:
    """Ctrl-C reaches the workers too, and all of them end well."""
    with Program(tmp_path, "serve", "--port", "0", "--offline", "--workers", "2") as program:
        assert program.url
        os.killpg(program.process.pid, signal.SIGINT)
        assert program.end() == 0


def test_ctrl_c_while_it_starts(tmp_path: Path) -> None:
    """Ctrl-C before it is ready ends it too, and shows nobody its inside."""
    with Program(tmp_path, "serve", "--port", "0", "--offline") as program:
        until((tmp_path / "cloche-data" / "cloche.db").exists)
        program.interrupt()
        assert program.end() in {0, 130}


class Download(threading.Thread):
    """A client that fetches a file, and keeps what it got."""

    def __init__(self, url: str, path: str) -> None:
        super().__init__(daemon=True)
        self.begun = threading.Event()
        self.body = b""
        self.broken = False
        self._url, self._path = url, path
        self.start()

    def run(self) -> None:
        address = self._url.removeprefix("http://")
        with closing(http.client.HTTPConnection(address, timeout=60)) as connection:
            connection.request("GET", self._path)
            self.begun.set()
            try:
                self.body = connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                self.broken = True


def fetching(program: Program, upstream: Upstream, name: str) -> tuple[Download, bytes, str]:
    """A client in the middle of a file that the upstream holds back, and the gate's path."""
    built = wheel(name, "1.0", size=2 << 20)
    path = upstream.add(built)
    assert served(program.url, f"/simple/{name}/")[0] == 200
    return (
        Download(program.url, f"/packages/main/{name}/{built.sha256}/{built.filename}"),
        built.content,
        path,
    )


def test_transfer_in_flight_is_finished(tmp_path: Path, upstream: Upstream) -> None:
    """Ctrl-C lets a download that is under way come to its end."""
    patient = {"CLOCHE_SERVER__SHUTDOWN_GRACE": "60"}
    arguments = ("serve", "--port", "0", "--upstream", upstream.simple)
    with Program(tmp_path, *arguments, env=patient) as program:
        with upstream.gate("/files/cs-flight/*", after=1 << 20) as gate:
            client, content, path = fetching(program, upstream, "cs-flight")
            upstream.wait_for(1, path)
            program.interrupt()
            until(lambda: refuses(program.url))
            assert program.process.poll() is None
            gate.release()
            client.join(60)
        assert client.body == content
        assert program.end() == 0


def refuses(url: str) -> bool:
    """Whether nobody listens any more."""
    host, _, port = url.removeprefix("http://").partition(":")
    try:
        socket.create_connection((host, int(port)), 20).close()
    except OSError:
        return True
    return False


def test_second_ctrl_c_waits_for_nothing(tmp_path: Path, upstream: Upstream) -> None:
    """Ctrl-C twice ends it at once, whatever is under way."""
    patient = {"CLOCHE_SERVER__SHUTDOWN_GRACE": "600"}
    arguments = ("serve", "--port", "0", "--upstream", upstream.simple)
    with Program(tmp_path, *arguments, env=patient) as program:
        with upstream.gate("/files/cs-twice/*", after=1 << 20):
            client, content, path = fetching(program, upstream, "cs-twice")
            upstream.wait_for(1, path)
            program.interrupt()
            until(lambda: refuses(program.url))
            program.interrupt()
            assert program.end() == 0
        client.join(60)
        assert client.body != content


def test_waiting_is_bounded(tmp_path: Path, upstream: Upstream) -> None:
    """A transfer that does not end in time is cut off, and the end is clean all the same."""
    hasty = {"CLOCHE_SERVER__SHUTDOWN_GRACE": "0"}
    arguments = ("serve", "--port", "0", "--upstream", upstream.simple)
    with Program(tmp_path, *arguments, env=hasty) as program:
        with upstream.gate("/files/cs-bounded/*", after=1 << 20):
            client, content, path = fetching(program, upstream, "cs-bounded")
            upstream.wait_for(1, path)
            program.interrupt()
            assert program.end() == 0
        client.join(60)
        assert client.body != content
