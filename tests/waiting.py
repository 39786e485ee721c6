"""Waiting for what comes by itself, and no longer than that."""

import time
from collections.abc import Callable

SECONDS = 10.0
POLL = 0.02


def until(holds: Callable[[], object], seconds: float = SECONDS) -> None:
    """Return when it holds; TimeoutError when it has not by then."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{holds} did not come to hold in {seconds:.0f} s")
        time.sleep(POLL)
