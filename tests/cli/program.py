"""The program as a user starts it: its output apart, its exit code, and never a traceback."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.waiting import until

SECONDS = 60.0
FULL = Path("/dev/full")
READY = "Ctrl-C stops it."
_INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR")


def environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**kept, "HOME": str(home), **(more or {})}


class Program:
    """`cloche …` running, its two streams in files. Leaving the `with` block ends it.

    The disk is full below the one that `full` names, "stdout" or "stderr".
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str | Path,
        env: Mapping[str, str] | None = None,
        full: str | None = None,
    ) -> None:
        self._out, self._err = folder / "stdout.txt", folder / "stderr.txt"
        self._out.write_text("")
        self._err.write_text("")
        places = [FULL if each.stem == full else each for each in (self._out, self._err)]
        with places[0].open("w") as out, places[1].open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cloche", *map(str, arguments)],
                cwd=folder,
                env=environment(folder, env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    @property
    def url(self) -> str:
        """Where it listens, when it says that it is ready."""
        until(lambda: READY in self.out or self.process.poll() is not None, SECONDS)
        found = re.search(r"is ready: (\S+)/\n", self.out)
        assert found, self.err
        return found[1]

    @property
    def token(self) -> str:
        found = re.search(r"token +(cloche_\S+)", self.out)
        assert found, self.out
        return found[1]

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self, seconds: float = SECONDS) -> int:
        """Wait for the end, and return the exit code."""
        return self.process.wait(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if error is not None:
            error.add_note(f"stdout:\n{self.out}\nstderr:\n{self.err}")
        else:
            assert "Traceback" not in self.err


def run(
    folder: Path, *arguments: str | Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Whatever it was, no user sees a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "cloche", *map(str, arguments)],
        cwd=folder,
        env=environment(folder, env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert "Traceback" not in done.stderr + done.stdout
    return done


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that says what is wrong; nothing else was said or done."""
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.startswith("cloche: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr
