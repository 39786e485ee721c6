"""Waiting for what comes by itself, and no longer than that."""

import time
from collections.abc import Callable
from pathlib import Path

SECONDS = 60.0
POLL = 0.02


def until(holds: Callable[[], object], seconds: float = SECONDS) -> None:
    """Return when it holds; TimeoutError when it has not by then."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{holds} did not come to hold in {seconds:.0f} s")
        time.sleep(POLL)


def length(file: Path) -> int:
    """Bytes of the file; 0 once it is gone: one may come and go between two looks."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
