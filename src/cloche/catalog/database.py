"""Transactions on either database, run in threads: one hop for one use case."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, Row, func, select, text

from cloche.catalog.engine import BEGIN, LASTING, is_sqlite
from cloche.catalog.failures import told
from cloche.catalog.glances import Glances, Look
from cloche.catalog.pulse import Beacon

P = ParamSpec("P")
T = TypeVar("T")

AnyRow = Row[*tuple[Any, ...]]

READERS = 4
WRITERS = 2
CONNECTIONS = READERS + WRITERS
IN_A_ROW = 16  # looks: who takes ten thousand does not keep all others waiting

_WRITE_TURN = 0x636C6F636865  # "cloche": PostgreSQL's advisory locks are numbers


class Database:
    """Readers never wait for writers; writers take turns, in every process and node."""

    def __init__(self, engine: Engine, beacon: Beacon) -> None:
        self.engine = engine
        self._caching = engine.execution_options(**{BEGIN: "BEGIN IMMEDIATE"})
        self._writing = self._caching.execution_options(**{LASTING: True})
        self._beacon = beacon
        # SQLite's own waiting is polling: the threads of one process queue up here instead.
        self._turn: AbstractContextManager[object] = Lock() if is_sqlite(engine) else nullcontext()
        self._glances = Glances(str(engine.url.database)) if is_sqlite(engine) else None
        self._looks = 0
        self._readers = ThreadPoolExecutor(READERS, "catalog-reader")
        self._writers = ThreadPoolExecutor(WRITERS, "catalog-writer")

    async def glance(self, look: Look, values: Mapping[str, Any]) -> list[dict[str, Any]] | None:
        """What a look-up by key finds, at once; None when `to_reader` has to look."""
        if self._glances is None:
            return None
        self._looks += 1
        if self._looks % IN_A_ROW == 0:  # a turn of a busy loop takes longer than a hundred looks
            await asyncio.sleep(0)
        return self._glances.rows(look, values)

    async def to_reader(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a thread kept for reading."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, partial(work, *args, **kwargs))

    async def to_writer(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a thread kept for writing, where it may have to wait for its turn."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writers, partial(work, *args, **kwargs))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that never takes the write lock."""
        with told(self.engine.url), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self, *, lasting: bool = True) -> Iterator[Connection]:
        """A transaction that writes alone: what it reads stays true until it is committed.

        So serials become visible in their order, also on PostgreSQL, where a reader
        could otherwise see 11 before 10 is committed, and miss 10. One that is not `lasting`
        may be lost with the power, though never with the process: good for what is only cached.
        """
        with (
            told(self.engine.url),
            self._turn,
            (self._writing if lasting else self._caching).begin() as connection,
        ):
            if not is_sqlite(self.engine):
                connection.execute(select(func.pg_advisory_xact_lock(_WRITE_TURN)))
                if not lasting:
                    connection.execute(text("SET LOCAL synchronous_commit = off"))
            yield connection
        self._beacon.wrote()

    @contextmanager
    def appending(self) -> Iterator[Connection]:
        """A transaction that writes what nothing that is shown depends on.

        It takes no turn among nodes, no pulse beats for it, and it may be lost with the power.
        """
        with told(self.engine.url), self._turn, self._caching.begin() as connection:
            if not is_sqlite(self.engine):
                connection.execute(text("SET LOCAL synchronous_commit = off"))
            yield connection

    def close(self) -> None:
        """Finish what is under way, then give back threads and connections."""
        self._readers.shutdown()
        self._writers.shutdown()
        if self._glances:
            self._glances.close()
        self.engine.dispose()
