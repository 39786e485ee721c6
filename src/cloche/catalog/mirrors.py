"""How far mirrors of upstreams have come: one row for each project, written as it goes."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from cloche.catalog.database import AnyRow, Database
from cloche.catalog.schema import failures, held, mirrored, mirrors
from cloche.catalog.together import Together
from cloche.core.mirrors import Difference, Mirrored, State
from cloche.core.model import ProjectName
from cloche.ports import Failure, Mirroring, Settled, Standing

STREAM = 10_000  # rows that are read at once
BATCH = 5_000  # rows that are written in one transaction: nobody waits long for the write lock

_LOOKED_AT = frozenset({State.DUE.value, State.HELD.value, State.FAILED.value})


class SqlMirrors:
    def __init__(self, database: Database) -> None:
        self.database = database
        self._settling = Together(database, self._settle)

    async def find(self, upstream: str) -> Mirroring:
        return await self.database.to_reader(self._find, upstream)

    async def record(self, upstream: str, mirroring: Mirroring) -> None:
        await self.database.to_writer(self._record, upstream, mirroring)

    async def compare(
        self, upstream: str, chosen: Mapping[ProjectName, int], others: Collection[ProjectName]
    ) -> list[Difference]:
        return await self.database.to_reader(self._compare, upstream, chosen, others)

    async def mark(self, upstream: str, differences: Sequence[Difference], at: datetime) -> None:
        for start in range(0, len(differences), BATCH):
            batch = differences[start : start + BATCH]
            await self.database.to_writer(self._mark, upstream, batch, at)

    async def recheck(
        self, upstream: str, projects: Collection[ProjectName] | None, at: datetime
    ) -> None:
        await self.database.to_writer(self._recheck, upstream, projects, at)

    async def due(
        self, upstream: str, now: datetime, after: Mirrored | None, most: int
    ) -> list[Mirrored]:
        return await self.database.to_reader(self._due, upstream, now, after, most)

    async def settle(self, upstream: str, settled: Settled) -> None:
        await self._settling((upstream, settled))

    def _find(self, upstream: str) -> Mirroring:
        with self.database.reading() as connection:
            row = connection.execute(_MIRROR, {"of_upstream": upstream}).one_or_none()
        return Mirroring() if row is None else Mirroring(**_without(row))

    def _record(self, upstream: str, mirroring: Mirroring) -> None:
        values = msgspec.structs.asdict(mirroring)
        with self.database.writing(lasting=False) as connection:
            if connection.execute(_RECORD, {"of_upstream": upstream, **values}).rowcount == 0:
                connection.execute(insert(mirrors), {"upstream": upstream, **values})

    def _compare(
        self, upstream: str, chosen: Mapping[ProjectName, int], others: Collection[ProjectName]
    ) -> list[Difference]:
        """Rows come as they lie, for databases sort names in ways of their own."""
        left = dict(chosen)
        found: list[Difference] = []
        with self.database.reading() as connection:
            rows = connection.execution_options(yield_per=STREAM).execute(
                _ROWS, {"of_upstream": upstream}
            )
            for part in rows.partitions():
                for project, state, listed in part:
                    now = left.pop(project, None)
                    if now == listed and now and state in _LOOKED_AT:
                        continue  # nearly all of them: a call for each took as long as reading it
                    new = _became(project, state, listed, now, is_listed=project in others)
                    found += [new] if new else []
        found += (Difference(name, serial, State.DUE, is_new=True) for name, serial in left.items())
        return found

    def _mark(self, upstream: str, differences: Sequence[Difference], at: datetime) -> None:
        new = [_new(upstream, each, at) for each in differences if each.is_new]
        old = [
            {
                "of_upstream": upstream,
                "of_project": each.project,
                "state": each.state.value,
                "listed": each.listed,
                "due_at": at,
            }
            for each in differences
            if not each.is_new
        ]
        with self.database.writing(lasting=False) as connection:
            if new:
                connection.execute(insert(mirrored), new)
            if old:
                connection.execute(_MARK, old)

    def _recheck(
        self, upstream: str, projects: Collection[ProjectName] | None, at: datetime
    ) -> None:
        with self.database.writing(lasting=False) as connection:
            if projects is None:
                connection.execute(_RECHECK, {"of_upstream": upstream, "due_at": at})
            elif projects:
                rows = [
                    {"of_upstream": upstream, "of_project": each, "due_at": at} for each in projects
                ]
                connection.execute(_RECHECK_ONE, rows)

    def _due(
        self, upstream: str, now: datetime, after: Mirrored | None, most: int
    ) -> list[Mirrored]:
        asked = {"of_upstream": upstream, "now": now, "most": most}
        statement = _DUE
        if after is not None:
            statement = _DUE_AFTER
            asked |= {"after_due": after.due_at, "after_project": after.project}
        with self.database.reading() as connection:
            return [_mirrored(row) for row in connection.execute(statement, asked)]

    def _settle(self, batch: Sequence[tuple[str, Settled]]) -> Sequence[None]:
        with self.database.writing(lasting=False) as connection:
            _hold(connection, batch)
            _settle_rows(connection, batch)
        return [None] * len(batch)


class SqlStandings:
    def __init__(self, database: Database) -> None:
        self.database = database

    async def standing(self, upstream: str) -> Standing:
        return await self.database.to_reader(self._standing, upstream)

    async def failed(self, upstream: str, most: int) -> list[Mirrored]:
        return await self.database.to_reader(self._failed, upstream, most)

    async def failures(self, upstream: str, most: int) -> list[Failure]:
        return await self.database.to_reader(self._failures, upstream, most)

    def _standing(self, upstream: str) -> Standing:
        with self.database.reading() as connection:
            row = connection.execute(_STANDING, {"of_upstream": upstream}).one()
        return Standing(**{name: int(value or 0) for name, value in row._asdict().items()})

    def _failed(self, upstream: str, most: int) -> list[Mirrored]:
        with self.database.reading() as connection:
            rows = connection.execute(_FAILED, {"of_upstream": upstream, "most": most})
            return [_mirrored(row) for row in rows]

    def _failures(self, upstream: str, most: int) -> list[Failure]:
        with self.database.reading() as connection:
            rows = connection.execute(_FAILURES, {"of_upstream": upstream, "most": most})
            return [Failure(**_without(row)) for row in rows]


def _became(
    project: ProjectName, state: str, listed: int, now: int | None, *, is_listed: bool
) -> Difference | None:
    """What becomes of a project, if it is not chosen under the serial that it had."""
    if now is not None:
        return Difference(project, now, State.DUE)
    if is_listed:
        return None if state == State.LEFT else Difference(project, listed, State.LEFT)
    done = state in {State.LOST, State.GONE}
    return None if done else Difference(project, listed, State.LOST)


def _hold(connection: Connection, batch: Sequence[tuple[str, Settled]]) -> None:
    """Record what is held, in place of what was, and what is dropped."""
    held_now = {(h.upstream, h.key, h.filename): h for _, s in batch for h in s.held}
    dropped = [(u, key, name) for u, s in batch for key, name in s.dropped]
    names = [
        {"of_upstream": upstream, "of_key": key, "of_filename": filename}
        for upstream, key, filename in (*held_now, *dropped)
    ]
    if names:
        connection.execute(_DROP_HELD, names)
    if held_now:
        connection.execute(_HOLD, [msgspec.structs.asdict(each) for each in held_now.values()])


def _settle_rows(connection: Connection, batch: Sequence[tuple[str, Settled]]) -> None:
    names = [{"of_upstream": u, "of_project": s.project} for u, s in batch]
    connection.execute(_FORGIVE, names)
    faults = [{"upstream": u, **msgspec.structs.asdict(f)} for u, s in batch for f in s.failures]
    if faults:
        connection.execute(insert(failures), faults)
    kept = [{"of_upstream": u, **_values_of(s.row)} for u, s in batch if s.row is not None]
    if kept:
        connection.execute(_SETTLE, kept)
    ended = [{"of_upstream": u, "of_project": s.project} for u, s in batch if s.row is None]
    if ended:
        connection.execute(_END, ended)


def _values_of(row: Mirrored) -> dict[str, Any]:
    values = msgspec.structs.asdict(row)
    return {"of_project": values.pop("project"), **values, "state": row.state.value}


def _new(upstream: str, each: Difference, at: datetime) -> dict[str, Any]:
    row = Mirrored(project=each.project, state=each.state, listed=each.listed, due_at=at)
    return {"upstream": upstream, **msgspec.structs.asdict(row), "state": each.state.value}


def _without(row: AnyRow) -> dict[str, Any]:
    return {name: value for name, value in row._asdict().items() if name != "upstream"}


def _mirrored(row: AnyRow) -> Mirrored:
    return Mirrored(**{**_without(row), "state": State(row.state)})


# Statements are made once: making one takes 60 µs, executing it 20.


def _values(*columns: str) -> dict[str, Any]:
    return {column: bindparam(column) for column in columns}


_MIRROR = select(mirrors).where(mirrors.c.upstream == bindparam("of_upstream"))
_RECORD = (
    update(mirrors)
    .where(mirrors.c.upstream == bindparam("of_upstream"))
    .values(_values(*(c.name for c in mirrors.c if c.name != "upstream")))
)
_OF = mirrored.c.upstream == bindparam("of_upstream")
_ONE = (_OF, mirrored.c.project == bindparam("of_project"))
# Every state there is: so SQLite reads by the index of states, which has rows in the order of the
# disk. By that of what is due, which it would take, 700,000 rows took four times as long.
_ALL_OF = (_OF, mirrored.c.state.in_([each.value for each in State]))
_ROWS = select(mirrored.c.project, mirrored.c.state, mirrored.c.listed).where(*_ALL_OF)
_MARK = update(mirrored).where(*_ONE).values(_values("state", "listed", "due_at"))
_RECHECK = (
    update(mirrored)
    .where(_OF, mirrored.c.state != State.GONE.value)
    .values(due_at=bindparam("due_at"))
)
_RECHECK_ONE = (
    update(mirrored)
    .where(*_ONE, mirrored.c.state != State.GONE.value)
    .values(due_at=bindparam("due_at"))
)
_DUE = (
    select(mirrored)
    .where(_OF, mirrored.c.due_at <= bindparam("now"))
    .order_by(mirrored.c.due_at, mirrored.c.project)
    .limit(bindparam("most"))
)
_DUE_AFTER = _DUE.where(
    or_(
        mirrored.c.due_at > bindparam("after_due"),
        and_(
            mirrored.c.due_at == bindparam("after_due"),
            mirrored.c.project > bindparam("after_project"),
        ),
    )
)
_SETTLE = (
    update(mirrored)
    .where(*_ONE)
    .values(_values(*(c.name for c in mirrored.c if c.name not in {"upstream", "project"})))
)
_END = delete(mirrored).where(*_ONE)
_FORGIVE = delete(failures).where(
    failures.c.upstream == bindparam("of_upstream"), failures.c.project == bindparam("of_project")
)
_DROP_HELD = delete(held).where(
    held.c.upstream == bindparam("of_upstream"),
    held.c.key == bindparam("of_key"),
    held.c.filename == bindparam("of_filename"),
)
_HOLD = insert(held)


def _counted(*states: State) -> Any:
    return func.sum(case((mirrored.c.state.in_([each.value for each in states]), 1), else_=0))


_STANDING = select(
    _counted(State.DUE, State.HELD, State.FAILED).label("projects"),
    _counted(State.HELD).label("held"),
    _counted(State.DUE, State.LOST, State.LEFT).label("due"),
    _counted(State.FAILED).label("failed"),
    _counted(State.GONE).label("gone"),
    func.sum(mirrored.c.files).label("files"),
    func.sum(mirrored.c.size).label("size"),
    func.sum(mirrored.c.lacking).label("files_lacking"),
    func.sum(mirrored.c.lacking_size).label("size_lacking"),
).where(*_ALL_OF)
_FAILED = (
    select(mirrored)
    .where(_OF, mirrored.c.state == State.FAILED.value)
    .order_by(mirrored.c.project)
    .limit(bindparam("most"))
)
_FAILURES = (
    select(failures)
    .where(failures.c.upstream == bindparam("of_upstream"))
    .order_by(failures.c.project, failures.c.filename)
    .limit(bindparam("most"))
)
