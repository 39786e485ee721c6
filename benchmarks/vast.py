"""Fill a catalog with files by the million: `python -m benchmarks.vast DATA`.

700,000 projects with ten files each, in the rows that their uploads would leave behind, the same
every time. SQLite works them out itself, and the indexes last. No file is there: this is for pages,
uploads and starts, which open none.
"""

import argparse
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    cast,
    create_engine,
    event,
    func,
    insert,
    literal,
    literal_column,
    select,
)

from benchmarks import many
from cloche import catalog
from cloche.catalog.schema import journal, uploads

PROJECTS, FILES = 700_000, 10
SECOND = 1_000_000  # instants are microseconds
MIX = 2_654_435_761  # odd: in 32 bits each number has another product with it, and in no order
PRAGMAS = ("journal_mode = OFF", "synchronous = OFF", "foreign_keys = OFF", "cache_size = -3000000")

_scratch = MetaData()
projects = Table(
    "projects",
    _scratch,
    Column("number", Integer, primary_key=True),
    Column("project", Text, nullable=False),
    prefixes=["TEMPORARY"],
)
numbers = Table(
    "numbers", _scratch, Column("number", Integer, primary_key=True), prefixes=["TEMPORARY"]
)


def fill(path: Path, count: int) -> None:
    """Make a catalog with so many projects, where there is none."""
    stored = catalog.connect(f"sqlite:///{path}")
    stored.database.close()
    stored.beacon.close()
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _hurry)
    with engine.begin() as connection:
        _write(connection, count)
    engine.dispose()


def _hurry(connection: Any, _: object) -> None:
    """What is interrupted is begun anew: nothing needs to last meanwhile."""
    for each in PRAGMAS:
        connection.execute(f"PRAGMA {each}")


def _write(connection: Connection, count: int) -> None:
    _scratch.create_all(connection)
    names = [{"number": at, "project": name} for at, name in enumerate(many.names(count))]
    connection.execute(insert(projects), names)
    connection.execute(insert(numbers), [{"number": at} for at in range(FILES)])
    for table, row in ((journal, _entry()), (uploads, _upload())):
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        for index in indexes:
            index.drop(connection)
        rows = select(*row.values()).select_from(projects.join(numbers, literal(value=True)))
        rows = rows.order_by(projects.c.number, numbers.c.number)
        connection.execute(insert(table).from_select(list(row), rows))
        for index in indexes:
            index.create(connection)


Row = dict[str, ColumnElement[Any]]


def _common() -> Row:
    version = literal("1.").concat(cast(numbers.c.number, Text))
    stem = func.replace(projects.c.project, "-", "_")
    return {
        "serial": projects.c.number * FILES + numbers.c.number + 1,
        "project": projects.c.project,
        "version": version,
        "filename": stem.concat("-").concat(version).concat(".tar.gz"),
    }


def _entry() -> Row:
    row = _common()
    said = {"who": "bench", "action": "file uploaded", "place": "main", "detail": "{}"}
    return {**row, "at": _at(row["serial"]), **{name: literal(text) for name, text in said.items()}}


def _upload() -> Row:
    row = _common()
    serial = row["serial"]
    mixed = func.printf("%08x%056x", serial * MIX % 2**32, serial)
    said = {"index_name": "main", "filetype": "sdist", "hashes": "{}", "uploaded_by": "bench"}
    return {
        **row,
        "display_name": projects.c.project,
        "digest": mixed,
        "size": literal_column("20000"),
        "uploaded_at": _at(serial),
        "yanked": literal_column("0"),
        "yanked_reason": literal(""),
        **{name: literal(text) for name, text in said.items()},
    }


def _at(serial: ColumnElement[Any]) -> ColumnElement[Any]:
    return int(many.BEGAN.timestamp()) * SECOND + serial * SECOND


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vast", description=__doc__)
    parser.add_argument("data", type=Path, help="a data folder that has no catalog yet")
    parser.add_argument("--projects", type=int, default=PROJECTS, help="with ten files each")
    arguments = parser.parse_args()
    arguments.data.mkdir(parents=True, exist_ok=True)
    fill(arguments.data.absolute() / "cloche.db", arguments.projects)


if __name__ == "__main__":
    main()
