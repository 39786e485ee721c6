"""Fill a catalog with projects by the hundred thousand: `python -m benchmarks.many DATA`.

The rows are those that uploads leave behind, written in bulk, the same in every run. Files are
recorded, and not there: this is for lists, whose work does not open any.
"""

import argparse
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import insert

from cloche import catalog
from cloche.catalog import Catalog
from cloche.catalog.schema import journal, uploads

PROJECTS = 700_000
AT_ONCE = 20_000
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = [chr(one) + chr(two) + "lib" for one in range(97, 123) for two in range(97, 123)]


def names(count: int) -> list[str]:
    """Names of the lengths that PyPI's have, no two alike, in no order."""
    random = Random(1)  # noqa: S311 - the same in every run
    found: dict[str, None] = {}
    while len(found) < count:
        words = random.choices(WORDS, k=random.randint(1, 3))
        number = [str(random.randrange(1000))] if random.random() < 0.6 else []
        found["-".join([*words, *number, *random.choices(WORDS, k=len(found) > 200_000)])] = None
    return list(found)


def fill(stored: Catalog, index: str, count: int) -> None:
    """Record one upload of each of so many projects, as if it had come by itself."""
    rows = list(_rows(index, names(count)))
    for start in range(0, count, AT_ONCE):
        some = rows[start : start + AT_ONCE]
        with stored.database.writing() as connection:
            connection.execute(insert(journal), [entry for entry, _ in some])
            connection.execute(insert(uploads), [upload for _, upload in some])


def _rows(index: str, projects: list[str]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for serial, project in enumerate(projects, 1):
        at, filename = BEGAN + timedelta(seconds=serial), f"{project.replace('-', '_')}-1.0.tar.gz"
        where = {"serial": serial, "project": project, "version": "1.0", "filename": filename}
        digest = hashlib.sha256(project.encode()).hexdigest()
        entry = {"at": at, "who": "bench", "action": "file uploaded", "place": index}
        upload = {
            "index_name": index,
            "display_name": project,
            "filetype": "sdist",
            "digest": digest,
            "size": 1,
            "hashes": "{}",
            "metadata": None,
            "requires_python": None,
            "uploaded_at": at,
            "uploaded_by": "bench",
            "yanked": False,
            "yanked_reason": "",
            "deleted_at": None,
        }
        yield {**where, **entry, "detail": "{}"}, {**where, **upload}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many", description=__doc__)
    parser.add_argument("data", type=Path, help="a data folder that has no catalog yet")
    parser.add_argument("--projects", type=int, default=PROJECTS)
    arguments = parser.parse_args()
    arguments.data.mkdir(parents=True, exist_ok=True)
    stored = catalog.connect(f"sqlite:///{arguments.data.absolute()}/cloche.db")
    fill(stored, "main", arguments.projects)
    stored.database.close()
    stored.beacon.close()


if __name__ == "__main__":
    main()
