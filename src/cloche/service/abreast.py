"""Much work, so many pieces of it at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def each(items: Iterable[T], jobs: int, work: Callable[[T], Awaitable[None]]) -> None:
    """Do the work for each item. The first that fails ends the others, and is raised."""
    left = iter(items)

    async def worker() -> None:
        for item in left:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(jobs):
                group.create_task(worker())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
