"""Look-ups by key in SQLite where the loop runs: waking a thread takes longer than they do.

A reader of a write-ahead log waits for nobody. Should it have to all the same, or the look fail
in any other way, a thread looks instead, where waiting harms nobody and errors are told.
"""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Select
from sqlalchemy.dialects import sqlite

_DIALECT = sqlite.dialect()


@dataclass(frozen=True)
class Look:
    """A question of which the answer is small, whatever the database holds.

    SQLAlchemy turns it into SQL once. Going through its layers each time takes ten times as long
    as SQLite does.
    """

    statement: Select[Any]

    @cached_property
    def _compiled(self) -> tuple[str, dict[str, Any], list[str]]:
        compiled = self.statement.compile(dialect=_DIALECT)
        return compiled.string, dict(compiled.params), list(compiled.positiontup or ())

    @cached_property
    def _processors(self) -> list[tuple[str, Callable[[Any], Any] | None]]:
        return [
            (column.name, column.type.dialect_impl(_DIALECT).result_processor(_DIALECT, None))
            for column in self.statement.selected_columns
        ]

    def asked(self, values: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """The SQL, and what goes in the place of its question marks."""
        text, defaults, names = self._compiled
        known = {**defaults, **values}
        return text, [known[name] for name in names]

    def answered(self, row: tuple[Any, ...]) -> dict[str, Any]:
        """A row, by the names of its columns."""
        return {
            name: value if process is None else process(value)
            for (name, process), value in zip(self._processors, row, strict=True)
        }


class Glances:
    """A connection of its own, which waits for no lock."""

    def __init__(self, path: str) -> None:
        self._path = path

    @cached_property
    def _connection(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)

    def rows(self, look: Look, values: Mapping[str, Any]) -> list[dict[str, Any]] | None:
        """What is found; None when a thread has to look."""
        try:
            found = self._connection.execute(*look.asked(values)).fetchall()
        except sqlite3.Error:
            return None
        return [look.answered(row) for row in found]

    def close(self) -> None:
        if "_connection" in self.__dict__:
            self._connection.close()
