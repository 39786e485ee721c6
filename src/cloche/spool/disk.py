"""Writing to the scratch disk: whole, to the end, and with its errors told."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from cloche.core.errors import FULL, StorageDown, StorageFull

P = ParamSpec("P")
T = TypeVar("T")


def write_all(fd: int, data: bytes | bytearray, at: int) -> None:
    """Write at an offset, not where the file happens to stand: what is resumed was reopened."""
    view = memoryview(data)
    with translated():
        while view:
            written = os.pwrite(fd, view, at)
            view, at = view[written:], at + written


async def to_the_end(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work` in a thread, and wait for it even when cancelled.

    Whoever is cancelled closes its file next. A thread that still wrote by that number
    could hit the next file that gets it.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        raise


@contextmanager
def translated() -> Iterator[None]:
    try:
        yield
    except OSError as e:
        if e.errno in FULL:
            raise StorageFull(
                f"no room for more on the server's disk ({e.strerror}); "
                "ask its operator to make some"
            ) from None
        raise StorageDown(
            f"the server's scratch disk cannot be used ({e.strerror}); "
            "ask its operator to look at the disk and at who owns the data folder"
        ) from e
