"""Child processes: where they run, when they are ready, what they use, and that they end."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

SERVER_CORE, LOAD_CORE, BOTH_CORES = "0", "1", "0,1"
"""The server measured is alone on the first core; the load, and all that is not measured, is on
the second. What stands for a network between them may run on either."""
DEADLINE = 60.0
PAUSE = 0.001
MIB = 1024 * 1024
TICK = os.sysconf("SC_CLK_TCK")


class Unmeasured(Exception):
    """There is no figure; the message says why, for the report."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, on which cores, with which settings beside the bare minimum, and where."""

    name: str
    words: Sequence[object]
    folder: Path
    cores: str = LOAD_CORE
    env: dict[str, str] | None = None

    @property
    def pinned(self) -> list[str]:
        """The words, tied to the cores, and to this process: it does not outlive the benchmark."""
        tied = ["setpriv", "--pdeathsig", "TERM", "taskset", "-c", self.cores]
        return [*tied, *map(str, self.words)]

    @property
    def environment(self) -> dict[str, str]:
        # Proxies and other tools' settings would change what is measured.
        usual = {"PATH": PATH, "HOME": str(self.folder), "LANG": "C.UTF-8"}
        return {**usual, **_trust.get(), **(self.env or {})}


PATH = f"/usr/sbin:/sbin:{os.environ.get('PATH', os.defpath)}"


_trust: ContextVar[dict[str, str]] = ContextVar("_trust", default={})  # noqa: B039 - never changed


@contextmanager
def trusting(authority: Path) -> Iterator[None]:
    """Let whatever is started meanwhile trust this authority, and no other: a PEM file."""
    names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")  # OpenSSL and rustls; requests
    token = _trust.set(dict.fromkeys(names, str(authority)))
    try:
        yield
    finally:
        _trust.reset(token)


class Child:
    """A process that runs until it is stopped; what it prints is in `log`."""

    def __init__(self, command: Command) -> None:
        self.name = command.name
        self.log = command.folder / f"{command.name.replace(' ', '-')}.log"
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                command.pinned,
                env=command.environment,
                cwd=command.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> None:
        """Wait for its end, but no longer than that."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def wait_until(self, ready: Callable[[], bool], pause: float = PAUSE) -> None:
        """Return when it is ready; Unmeasured when the process has ended or takes too long."""
        deadline = time.monotonic() + DEADLINE
        while not ready():
            if self._process.poll() is not None:
                raise Unmeasured(f"{self.name} ended with {self._process.returncode}: {self.tail}")
            if time.monotonic() > deadline:
                raise Unmeasured(f"{self.name} was not ready in {DEADLINE:.0f} s: {self.tail}")
            time.sleep(pause)

    @property
    def tail(self) -> str:
        """The last line that it printed."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else "it printed nothing"

    def stop(self) -> None:
        """End it and what it started: gently, and after ten seconds by force."""
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # its session holds nothing but its own children
        self._process.wait()


@contextmanager
def running(command: Command) -> Iterator[Child]:
    child = Child(command)
    try:
        yield child
    finally:
        child.stop()


def run(command: Command, timeout: float = DEADLINE) -> str:
    """Run to the end and return what it printed; Unmeasured when it fails or takes too long."""
    try:
        done = subprocess.run(
            command.pinned,
            env=command.environment,
            cwd=command.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unmeasured(f"{command.name} took more than {timeout:.0f} s") from None
    if done.returncode:
        words = " ".join((done.stderr.strip() or done.stdout.strip()).split())
        raise Unmeasured(f"{command.name} failed: {words[-300:]}")
    return done.stdout


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def answers(port: int, path: str, host: str = "127.0.0.1") -> Callable[[], bool]:
    """Return a question, whether GET of this path answers 200 now."""

    def ready() -> bool:
        connection = http.client.HTTPConnection(host, port, timeout=1)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return ready


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident MiB of a process and its children; in `pss`, a page that n share counts 1/n."""

    rss: float
    pss: float


def memory(pid: int) -> Memory:
    """Measure the tree of processes under this one, in MiB."""
    total = {"Rss:": 0, "Pss:": 0}
    for member in _tree(pid):
        with suppress(OSError):
            for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
                word, *rest = line.split()
                if word in total:
                    total[word] += int(rest[0]) * 1024
    return Memory(total["Rss:"] / MIB, total["Pss:"] / MIB)


def cpu_seconds(pid: int) -> float:
    """Return the processor time that the tree of processes under this one has used so far."""
    return sum(int(field) for member in _tree(pid) for field in _stat(member)[11:13]) / TICK


def _tree(root: int) -> set[int]:
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if stat := _stat(int(folder.name)):
            parents[int(folder.name)] = int(stat[1])
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _stat(pid: int) -> list[str]:
    """Return /proc/PID/stat from the state on, or nothing when the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
