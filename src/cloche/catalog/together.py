"""Writes that share a transaction: a commit costs as much as what it commits."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from cloche.catalog.database import Database
from cloche.core.errors import Error

T = TypeVar("T")
R = TypeVar("R")

MOST = 100  # in one transaction: nobody waits long for the write lock


@dataclass(slots=True, eq=False)
class _Waiting(Generic[T, R]):
    what: T
    results: tuple[R, ...] = ()  # one, when it is written


class Together(Generic[T, R]):
    """Whoever gets the turn writes for all who wait."""

    def __init__(self, database: Database, write: Callable[[Sequence[T]], Sequence[R]]) -> None:
        """`write` does it in one transaction, all or nothing; doing it twice is harmless."""
        self._database = database
        self._write = write
        self._queue: list[_Waiting[T, R]] = []
        self._turn = asyncio.Lock()

    async def __call__(self, what: T) -> R:
        """Return when it is written; raise what kept it, and it alone, from being written."""
        mine = _Waiting[T, R](what)
        self._queue.append(mine)
        try:
            async with self._turn:
                if not mine.results:
                    await self._attempt(mine)
        finally:
            if mine in self._queue:
                self._queue.remove(mine)
        return mine.results[0]

    async def _attempt(self, mine: _Waiting[T, R]) -> None:
        batch = [mine, *(each for each in self._queue if each is not mine)][:MOST]
        try:
            await self._commit(batch)
        except Error:
            if len(batch) == 1:
                raise
            await self._commit([mine])

    async def _commit(self, batch: list[_Waiting[T, R]]) -> None:
        results = await self._database.to_writer(self._write, [each.what for each in batch])
        for each, result in zip(batch, results, strict=True):
            each.results = (result,)
        self._queue = [each for each in self._queue if not each.results]
