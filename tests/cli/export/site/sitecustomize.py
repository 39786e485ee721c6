"""Ends a process by SIGKILL as its n-th file is about to be renamed into a target, or removed."""

import os
import signal
from itertools import count
from typing import Any

AT = "EXPORT_DIES_AT"


def _install() -> None:
    moments = count(1)
    for name in ("rename", "unlink"):
        _wrap(name, moments, int(os.environ[AT]))


def _wrap(name: str, moments: "count[int]", at: int) -> None:
    inner = getattr(os, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        # Only what works in open folders, as nothing else of the program does.
        if kwargs and next(moments) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return inner(*args, **kwargs)

    setattr(os, name, wrapped)


if AT in os.environ:
    _install()
