"""A `cloche serve` in a process of its own, for tests that need the real thing."""

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from types import TracebackType
from typing import IO, Self

DEADLINE = 60.0
"""Seconds that a start, a stop or a command may take."""

_SIMPLE = re.compile(r"(http://\S+)/simple/(?=\s|$)", re.MULTILINE)
_LEGACY = re.compile(r"http://\S+/legacy/(?=\s|$)", re.MULTILINE)
_TOKEN = re.compile(r"\bcloche_[\w~.-]{16,}")
_POLL = 0.02
# What a child needs of this process. All else, proxies and other tools' settings above all, stays.
_INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR")


class ServerFailed(Exception):
    """The server did not do as told; the message carries what it printed."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    reason: str
    headers: Message
    body: bytes


class _Output:
    """What a process prints, read as it comes: `out` is its stdout, `log` both of its streams."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.out = ""
        self.log = ""
        self._ended = False
        self._changed = threading.Condition()
        assert process.stdout is not None
        assert process.stderr is not None
        self._readers = [
            threading.Thread(target=self._read, args=(process.stdout, True), daemon=True),
            threading.Thread(target=self._read, args=(process.stderr, False), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def search(self, pattern: re.Pattern[str], deadline: float) -> re.Match[str] | None:
        """Find the pattern in stdout; None when it has not come by the deadline or the end."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._ended or pattern.search(self.out),
                timeout=max(0.0, deadline - time.monotonic()),
            )
            return pattern.search(self.out)

    def close(self) -> bool:
        """Read to the end; False when something still holds the streams open."""
        for reader in self._readers:
            reader.join(DEADLINE)
        return not any(reader.is_alive() for reader in self._readers)

    def _read(self, stream: IO[str], is_stdout: bool) -> None:  # noqa: FBT001
        with stream:
            for line in stream:
                with self._changed:
                    self.log += line
                    self.out += line if is_stdout else ""
                    self._changed.notify_all()
        if is_stdout:
            with self._changed:
                self._ended = True
                self._changed.notify_all()


class Cloche:
    """A server that is ready inside the `with`, and has ended cleanly after it.

    It can be entered again: the same data, another process. With a `port` the address is the same
    as well, which matters to whatever has written URLs down.
    """

    def __init__(
        self,
        data: Path,
        *,
        upstream: str | None = None,
        offline: bool = False,
        workers: int | None = None,
        config: Path | None = None,
        env: Mapping[str, str] | None = None,
        port: int = 0,
    ) -> None:
        self.data = data
        self.upstream = upstream
        self.offline = offline
        self.workers = workers
        self.config = config
        self.port = port
        self.url = ""
        self._env = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self._env |= {"HOME": str(data.parent), **(env or {})}
        self._process: subprocess.Popen[str] | None = None
        self._output: _Output | None = None

    @property
    def simple(self) -> str:
        return f"{self.url}/simple/"

    @property
    def legacy(self) -> str:
        return f"{self.url}/legacy/"

    @property
    def log(self) -> str:
        """Everything that the process has printed so far."""
        return self._output.log if self._output else ""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def first_token(self) -> str:
        """The ready-made token, printed by the first start on a data directory only."""
        return self._await(_TOKEN, time.monotonic() + DEADLINE).group()

    def token(self, *can: str, index: str = "main") -> str:
        """Make a token by `cloche token create`."""
        arguments = ["token", "create", *self._settings(), "--index", index]
        if self.config is not None:
            arguments += ["--config", str(self.config)]
        for permission in can:
            arguments += ["--can", permission]
        made = self.command(*arguments)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command of the program in this server's environment."""
        return subprocess.run(
            [sys.executable, "-m", "cloche", *arguments],
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )

    def get(
        self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> Reply:
        """Ask the server once, following no redirect."""
        address = self.url.removeprefix("http://")
        connection = http.client.HTTPConnection(address, timeout=DEADLINE)
        try:
            connection.request(method, path, headers=dict(headers or {}))
            response = connection.getresponse()
            return Reply(response.status, response.reason, response.headers, response.read())
        finally:
            connection.close()

    def start(self) -> None:
        """Start the process; return when it is ready, or raise with what it printed."""
        deadline = time.monotonic() + DEADLINE
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cloche", *self._arguments()],
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._output = _Output(self._process)
        try:
            self.url = self._await(_SIMPLE, deadline).group(1)
            self._await(_LEGACY, deadline)
            self._await_ready(deadline)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Interrupt the process, and see it and its workers end well; twice is harmless."""
        if self._process is None or self._output is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            code = self._process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise self._failure("SIGINT did not end it") from None
        # A worker has inherited the streams: they end with the last one.
        alone = self._output.close()
        self._reap()
        if code != 0 or not alone:
            left = "" if alone else ", and it left workers behind"
            raise self._failure(f"SIGINT ended it with exit code {code}{left}")

    def kill(self) -> None:
        """End the process and its workers at once, as a power cut would; twice is harmless."""
        if self._process is None:
            return
        self._reap()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A test that fails should show its own reason, and the server's words beside it.
        if error is None:
            self.stop()
        else:
            self.kill()
            error.add_note(f"The server printed:\n{self.log}")

    def _arguments(self) -> Iterable[str]:
        yield from ("serve", "--host", "127.0.0.1", "--port", str(self.port))
        yield from self._settings()
        if self.upstream is not None:
            yield from ("--upstream", self.upstream)
        if self.workers is not None:
            yield from ("--workers", str(self.workers))
        if self.offline:
            yield "--offline"

    def _settings(self) -> Iterable[str]:
        yield from ("--data", str(self.data))
        if self.config is not None:
            yield from ("--config", str(self.config))

    def _await(self, pattern: re.Pattern[str], deadline: float) -> re.Match[str]:
        assert self._output is not None
        found = self._output.search(pattern, deadline)
        if found is None:
            raise self._failure(f"It printed nothing like {pattern.pattern}")
        return found

    def _await_ready(self, deadline: float) -> None:
        while not self._is_ready():
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise self._failure("It is not ready")
            time.sleep(_POLL)

    def _is_ready(self) -> bool:
        try:
            return self.get("/-/ready").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def _reap(self) -> None:
        assert self._process is not None
        assert self._output is not None
        with contextlib.suppress(ProcessLookupError):
            # Workers too: the process leads a session of its own.
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(DEADLINE)
        self._output.close()
        self._process = None

    def _failure(self, problem: str) -> ServerFailed:
        code = self._process.poll() if self._process else None
        ended = "" if code is None else f" (exit code {code})"
        return ServerFailed(f"{problem}{ended}. The server printed:\n{self.log}")
