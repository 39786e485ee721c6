"""Writes that share a transaction: a commit costs as much as what it commits."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from cloche.catalog.database import Database

T = TypeVar("T")
R = TypeVar("R")

MANY = 5  # that came at once: more are about to come
MOST = 100  # in one transaction: nobody waits long for the write lock


@dataclass(slots=True, eq=False)
class _Waiting(Generic[T, R]):
    what: T
    written: asyncio.Future[R]


class Together(Generic[T, R]):
    """What comes while one transaction is under way is written by the next.

    All who wait for one go on at once: with a lock, one of them would in each turn of the loop.
    """

    def __init__(
        self,
        database: Database,
        write: Callable[[Sequence[T]], Sequence[R]],
        *,
        pause: float = 0,
    ) -> None:
        """`write` does it in one transaction, all or nothing; doing it twice is harmless.

        Behind one that many shared there are `pause` seconds, where nobody is in a hurry.
        """
        self._database = database
        self._pause = pause
        self._write = write
        self._queue: list[_Waiting[T, R]] = []
        self._writing: asyncio.Task[None] | None = None

    async def __call__(self, what: T) -> R:
        """Return when it is written; raise what kept it, and it alone, from being written."""
        loop = asyncio.get_running_loop()
        mine = _Waiting[T, R](what, loop.create_future())
        self._queue.append(mine)
        if self._writing is None:
            self._writing = loop.create_task(self._write_all())
        try:
            return await mine.written
        finally:
            if mine in self._queue:  # whoever waited for it has left
                self._queue.remove(mine)

    async def _write_all(self) -> None:
        batch: list[_Waiting[T, R]] = []
        try:
            while self._queue:
                batch, self._queue = self._queue[:MOST], self._queue[MOST:]
                await self._attempt(batch)
                if self._pause and len(batch) >= MANY:
                    await asyncio.sleep(self._pause)
        finally:
            self._writing = None
            for each in (*batch, *self._queue):  # none, unless everything is being stopped
                each.written.cancel()

    async def _attempt(self, batch: list[_Waiting[T, R]]) -> None:
        try:
            results = await self._database.to_writer(self._write, [each.what for each in batch])
        except Exception as e:  # noqa: BLE001 - whatever it is, nobody may be left waiting
            if len(batch) == 1:
                _fail(batch[0], e)
            for each in batch if len(batch) > 1 else ():
                await self._attempt([each])
        else:
            for each, result in zip(batch, results, strict=True):
                if not each.written.done():
                    each.written.set_result(result)


def _fail(one: _Waiting[T, R], error: Exception) -> None:
    if not one.written.done():
        one.written.set_exception(error)
