"""Mirrors of which nothing is to be done, read in SQLite's file without SQLAlchemy.

To import that takes longer than all else of a run that finds nothing new. Whatever is not as
such a run leaves it, or cannot be read at once, is said to be not at rest.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from cloche.catalog.revision import REVISION
from cloche.core.mirrors import State
from cloche.ports.mirrors import Mirroring, Standing

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_REVISION = "SELECT version_num FROM cloche_version"
_COLUMNS = (
    "etag", "serial", "projects", "policy", "journal", "listed_at", "until", "complete_serial",
    "complete_at",
)  # fmt: skip
_INSTANTS = ("listed_at", "until", "complete_at")
_MIRROR = f"SELECT {', '.join(_COLUMNS)} FROM mirrors WHERE upstream = ?"  # noqa: S608 - our own
_NEWEST = "SELECT coalesce(max(serial), 0) FROM journal"
_CHANGED = "SELECT DISTINCT place FROM journal WHERE serial > ? AND project IS NOT NULL"
_DUE = "SELECT 1 FROM mirrored WHERE upstream = ? AND due_at <= ? LIMIT 1"
_COUNTED = """
SELECT state, count(*), sum(files), sum(size), sum(lacking), sum(lacking_size)
FROM mirrored WHERE upstream = ? GROUP BY state"""
_FAILED = "SELECT 1 FROM failures WHERE upstream = ? LIMIT 1"
_NOTE = """
UPDATE mirrors SET journal = ?, listed_at = ?, complete_serial = serial, complete_at = ?
WHERE upstream = ?"""


class Rest(Struct, frozen=True):
    """A mirror as a complete run left it."""

    mirroring: Mirroring
    standing: Standing
    journal: int  # the newest entry: none since that run is about what the mirror has


@dataclass(frozen=True, slots=True)
class Resting:
    """Mirrors in the database in a file."""

    path: Path

    def find(self, upstream: str, places: Collection[str], now: datetime) -> Rest | None:
        """How the mirror rests; None if something is due, lacking, changed, or not known.

        Changes in the indexes at `places` are what matters.
        """
        try:
            with self._transaction("BEGIN") as connection:
                return _found(connection, upstream, places, now)
        except sqlite3.Error:
            return None

    def note(
        self, upstream: str, places: Collection[str], rest: Rest, asked: datetime, now: datetime
    ) -> Rest | None:
        """Record that the upstream's list, `asked` then, was as before; None if it rests no more.

        Then nothing is recorded.
        """
        try:
            with self._transaction("BEGIN IMMEDIATE") as connection:
                if _found(connection, upstream, places, now) != rest:
                    return None
                known = (rest.journal, _number(asked), _number(now), upstream)
                connection.execute(_NOTE, known)
        except sqlite3.Error:
            return None
        mirroring = replace(
            rest.mirroring,
            journal=rest.journal,
            listed_at=asked,
            complete_serial=rest.mirroring.serial,
            complete_at=now,
        )
        return replace(rest, mirroring=mirroring)

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        """It waits for nobody, and makes no file."""
        address = f"file:{quote(str(self.path))}?mode=rw"
        connection = sqlite3.connect(address, uri=True, timeout=0, isolation_level=None)
        try:
            # What is only cached may be lost with the power, as elsewhere.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(begin)
            yield connection
            connection.execute("COMMIT")
        finally:
            connection.close()


def _found(
    connection: sqlite3.Connection, upstream: str, places: Collection[str], now: datetime
) -> Rest | None:
    if connection.execute(_REVISION).fetchall() != [(REVISION,)]:
        return None
    row = connection.execute(_MIRROR, (upstream,)).fetchone()
    mirroring = _mirroring(row) if row else Mirroring()
    ended = mirroring.until is not None and now >= mirroring.until
    if mirroring.complete_at is None or ended:
        return None
    changed = {place for (place,) in connection.execute(_CHANGED, (mirroring.journal,))}
    is_due = connection.execute(_DUE, (upstream, _number(now))).fetchone()
    failed = connection.execute(_FAILED, (upstream,)).fetchone()
    if changed & set(places) or is_due or failed:
        return None
    standing = _standing(connection.execute(_COUNTED, (upstream,)).fetchall())
    if standing.due or standing.failed or standing.files_lacking:
        return None
    return Rest(mirroring, standing, connection.execute(_NEWEST).fetchone()[0])


def _mirroring(row: tuple[Any, ...]) -> Mirroring:
    said = dict(zip(_COLUMNS, row, strict=True))
    return Mirroring(**said | {name: _instant(said[name]) for name in _INSTANTS})


def _standing(rows: Iterable[tuple[Any, ...]]) -> Standing:
    by_state = {State(state): counts for state, *counts in rows}
    number = {state: by_state[state][0] if state in by_state else 0 for state in State}
    files, size, lacking, lacking_size = (
        sum(counts[place] for counts in by_state.values()) for place in range(1, 5)
    )
    return Standing(
        projects=number[State.DUE] + number[State.HELD] + number[State.FAILED],
        held=number[State.HELD],
        due=number[State.DUE] + number[State.LOST] + number[State.LEFT],
        failed=number[State.FAILED],
        gone=number[State.GONE],
        files=files,
        size=size,
        files_lacking=lacking,
        size_lacking=lacking_size,
    )


def _instant(said: int | None) -> datetime | None:
    return None if said is None else _EPOCH + said * _MICROSECOND


def _number(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND
