"""Another process that has a node's spool in use, until it is killed."""

import asyncio
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cloche.spool import FEW, Spool

_SPAWN = multiprocessing.get_context("spawn")
PATIENCE = 60.0

Work = Callable[[Spool, Callable[[], None]], None]
"""Does something with the spool, says that it is done, and never returns."""


@contextmanager
def busy(work: Work, root: Path) -> Iterator[Callable[[], None]]:
    """Start a process that does the work; give a function that kills it as SIGKILL does."""
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_run, args=(work, root, theirs))
    process.start()

    def kill() -> None:
        process.kill()
        process.join()

    try:
        if not ours.poll(PATIENCE):
            raise TimeoutError("the other process is not ready")
        ours.recv()
        yield kill
    finally:
        kill()
        process.close()
        ours.close()
        theirs.close()


def _run(work: Work, root: Path, pipe: Any) -> None:
    def done() -> None:
        pipe.send("done")
        pipe.recv()

    work(Spool(root), done)


def hold_lock(spool: Spool, done: Callable[[], None]) -> None:
    async def hold() -> None:
        async with spool.lock("name"):
            await asyncio.to_thread(done)

    asyncio.run(hold())


def receive_upload(spool: Spool, done: Callable[[], None]) -> None:
    with spool.scratch() as scratch:
        asyncio.run(scratch.write(bytes(FEW)))
        done()


def bring_file(spool: Spool, done: Callable[[], None]) -> None:
    partial = spool.partial("file")
    partial.claim()
    asyncio.run(partial.start({"md5"}, resume=True))
    asyncio.run(partial.write(b"half of "))
    done()
