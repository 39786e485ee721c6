"""Programs of their own that use one database at the same instant."""

import asyncio
import multiprocessing
from collections.abc import Callable
from typing import Any

from cloche.catalog import connect
from cloche.core.errors import FileExists
from tests.catalog.samples import upload

_SPAWN = multiprocessing.get_context("spawn")
_PATIENCE = 60


def together(work: Callable[[str, int], Any], url: str, count: int) -> list[Any]:
    """What `work(url, number)` returns in each of `count` processes that begin it as one."""
    barrier, answers = _SPAWN.Barrier(count), _SPAWN.SimpleQueue()
    everyone = [
        _SPAWN.Process(target=_run, args=(work, url, number, barrier, answers))
        for number in range(count)
    ]
    for process in everyone:
        process.start()
    try:
        for process in everyone:
            process.join(_PATIENCE)
        assert [process.exitcode for process in everyone] == [0] * count
        return [answers.get() for _ in everyone]
    finally:
        for process in everyone:
            process.kill()
            process.join()
            process.close()
        answers.close()


def _run(
    work: Callable[[str, int], Any], url: str, number: int, barrier: Any, answers: Any
) -> None:
    barrier.wait(_PATIENCE)
    answers.put(work(url, number))


def open_and_close(url: str, number: int) -> int:
    """Make or migrate the database."""

    async def run() -> None:
        await connect(url).close()

    asyncio.run(run())
    return number


def publish_ten(url: str, number: int) -> list[str]:
    """Try to publish ten filenames, all processes the same ones, each with its own bytes."""

    async def run() -> list[str]:
        catalog, won = connect(url), []
        for version in range(10):
            mine = upload(version=str(version), said=f"{number}")
            try:
                if await catalog.ledger.publish(mine):
                    won.append(mine.filename)
            except FileExists:
                pass
        await catalog.close()
        return won

    return asyncio.run(run())
