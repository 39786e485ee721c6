"""Processes that serve the tests: they say one line when they are ready, and end with their input.

A child that reads its standard input to the end cannot outlive the test run, however that ends:
the kernel closes the pipe of a killed parent too.
"""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
END_SECONDS = 30.0


class Child:
    """`python -m module` as a child: `said` is the line that it said when it was ready."""

    def __init__(self, module: str, *, seconds: float = 60.0) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            self.said = self._first_line(seconds)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        """Let the child end; kill it and all that it started when it does not."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _first_line(self, seconds: float) -> bytes:
        pipe = self._process.stdout
        if pipe is None or not select.select([pipe], [], [], seconds)[0]:
            raise TimeoutError(f"{self._module} was not ready in {seconds:.0f} s")
        line = pipe.readline()
        if not line.endswith(b"\n"):
            raise RuntimeError(f"{self._module} ended before it was ready; its stderr says why")
        return line


def serve(line: str) -> None:
    """In the child: say that it is ready, then wait for the end of the input or SIGTERM."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()


def end_at_sigterm() -> None:
    """In the child: leave every `with` block in order when it is told to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
