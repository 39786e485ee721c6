"""A server that is made to die, or to end, and says how it did."""

import http.client
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.faults import failpoints
from tests.server import Cloche, ServerFailed

ROOT = Path(__file__).parents[2]
SITE = Path(__file__).with_name("site")


@dataclass(frozen=True, slots=True)
class Arms:
    """What makes a server die at a moment, or write its moments down."""

    folder: Path

    def env(self, at: str = "", with_: signal.Signals = signal.SIGKILL) -> dict[str, str]:
        """The variables for the server's start. Nothing counts until `arm`."""
        return {
            "PYTHONPATH": f"{ROOT}{os.pathsep}{SITE}",
            failpoints.ARMED: str(self._armed),
            failpoints.SEEN: str(self._seen),
            failpoints.AT: at,
            failpoints.SIGNAL: str(int(with_)),
        }

    def arm(self) -> None:
        """Let moments count from here on."""
        self._armed.touch()

    @property
    def fired(self) -> bool:
        """Whether a process has died of it."""
        return not self._armed.exists()

    def seen(self) -> list[str]:
        """The moments so far, in their order."""
        return self._seen.read_text().splitlines() if self._seen.exists() else []

    @property
    def _armed(self) -> Path:
        return self.folder / "armed"

    @property
    def _seen(self) -> Path:
        return self.folder / "seen"


class Mortal(Cloche):
    """A server whose end is the point of the test."""

    def _is_ready(self) -> bool:
        """Ready here is who answers: a server with a full disk says that it is not well."""
        try:
            return self.get("/-/health").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the first process alone, as a service manager does."""
        os.kill(self.pid, number)

    def ended(self, seconds: float) -> int:
        """Wait for the process to end by itself, and return its exit code."""
        assert self._process is not None
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ServerFailed(
                f"It has not ended in {seconds} s; it printed:\n{self.log}"
            ) from None
        self._reap()
        return code

    def orphaned(self, seconds: float) -> None:
        """Wait until the workers of a process that was killed no longer listen."""
        deadline = time.monotonic() + seconds
        while self._is_ready():
            if time.monotonic() > deadline:
                raise ServerFailed(f"Workers still answer, {seconds} s after the main process died")
            time.sleep(0.2)
