"""Programs that run while a `with` block does, and tools that run to their end before it."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, Signals
from typing import Any, TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.02
END_SECONDS = 30.0
TRIES = 3
INSTALL = "scripts/install-services installs it"


class ServiceFailed(Exception):
    """A service did not start; the message carries what it wrote."""


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs programs under one user and environment, with what they write in one log."""

    log: Path
    user: str | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def tool(self, *command: str | Path, seconds: float = 60.0) -> None:
        """Run to the end; ServiceFailed, with the log's end, if it ends badly or not in time."""
        with self.log.open("ab") as log:
            try:
                subprocess.run(command, check=True, timeout=seconds, **self._how(log.fileno()))
            except subprocess.SubprocessError as error:
                raise ServiceFailed(f"{error}\n{self._tail()}") from error

    @contextmanager
    def daemon(
        self, *command: str | Path, end: Signals = SIGKILL
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run while the block does, and end with that signal, or SIGKILL if that does not do."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, **self._how(log.fileno()))
        try:
            yield process
        finally:
            process.send_signal(end)
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wait(
        self, ready: Callable[[], bool], *alive: subprocess.Popen[bytes], seconds: float = 60.0
    ) -> None:
        """Wait until it is ready; ServiceFailed when one of the processes ends before that."""
        deadline = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > deadline or any(one.poll() is not None for one in alive):
                raise ServiceFailed(f"not ready\n{self._tail()}")
            time.sleep(POLL_SECONDS)

    def _how(self, log: int) -> dict[str, Any]:
        return {
            "stdin": subprocess.DEVNULL,
            "stdout": log,
            "stderr": log,
            "cwd": self.log.parent,
            "env": {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **self.environment},
            "user": self.user,
            "group": self.user,
            "extra_groups": None if self.user is None else [],
        }

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]


def started(stack: ExitStack, make: Callable[[], AbstractContextManager[T]]) -> T:
    """Enter what is made, and what is made anew when that does not start.

    A port that was free a moment ago may be somebody else's by the time a daemon binds it.
    """
    for _ in range(TRIES - 1):
        with suppress(ServiceFailed):
            return stack.enter_context(make())
    return stack.enter_context(make())


def program(name: str, *folders: Path) -> Path:
    """Find a program on the PATH or in one of the folders; ServiceFailed says how to get it."""
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(map(str, folders)))
    if found is None:
        raise ServiceFailed(f"{name} is not there: {INSTALL}")
    return Path(found)


def listens(port: int) -> bool:
    """Say whether somebody listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(10.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
