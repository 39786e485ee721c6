"""The access journal, on SQLite and PostgreSQL."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from cloche.catalog import Catalog, connect
from cloche.core.model import Digest, ProjectName
from cloche.ports import Fetched, Recorded, Sought, Used

pytestmark = pytest.mark.anyio

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
ONE = Fetched(
    at=AT,
    index="main",
    project=ProjectName("demo"),
    version="1.0",
    filename="demo-1.0.tar.gz",
    digest=Digest("a" * 64),
    who="ada",
    address="192.0.2.1",
    client="pip 26.0 (Python 3.12.1, Linux)",
)
TWO = replace(
    ONE, at=AT + timedelta(days=1), version=None, filename="demo.exe", digest=None, who=None,
    address=None,
)  # fmt: skip
OTHER = replace(TWO, index="team", project=ProjectName("other"))


async def sought(catalog: Catalog, most: int = 10, **what: Any) -> list[Fetched]:
    return [each.fetched for each in await catalog.accesses.find(Sought(**what), most)]


async def test_what_is_added_is_found(catalog: Catalog) -> None:
    """Entries come back as they were, the newest first."""
    await catalog.accesses.add([ONE])
    await catalog.accesses.add([TWO, OTHER])

    assert await sought(catalog) == [OTHER, TWO, ONE]
    assert await sought(catalog, most=1) == [OTHER]


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ({"project": ProjectName("demo")}, [TWO, ONE]),
        ({"project": ProjectName("demo"), "version": "1.0"}, [ONE]),
        ({"filename": "demo.exe"}, [OTHER, TWO]),
        ({"digest": Digest("a" * 64)}, [ONE]),
        ({"digest": Digest("b" * 64)}, []),
        ({"index": "team"}, [OTHER]),
        ({"since": AT + timedelta(days=1)}, [OTHER, TWO]),
        ({"since": AT + timedelta(days=1), "index": "main"}, [TWO]),
    ],
)
async def test_what_is_sought(catalog: Catalog, what: dict[str, Any], found: list[Fetched]) -> None:
    """All that is said of an entry must be true of it."""
    await catalog.accesses.add([ONE, TWO, OTHER])

    assert await sought(catalog, **what) == found


async def test_pages(catalog: Catalog) -> None:
    """Entries before a number are the older ones."""
    await catalog.accesses.add([ONE, TWO, OTHER])
    (newest,) = await catalog.accesses.find(Sought(), 1)
    assert isinstance(newest, Recorded)

    assert await sought(catalog, before=newest.number) == [TWO, ONE]


async def test_what_was_used(catalog: Catalog) -> None:
    """Each file is named once for an index, however often it was fetched since then."""
    await catalog.accesses.add([ONE, ONE, replace(ONE, who="bob"), TWO, OTHER])

    found = await catalog.accesses.used("main", AT)
    assert sorted(found, key=lambda each: each.filename) == [
        Used("main", ProjectName("demo"), "demo-1.0.tar.gz", Digest("a" * 64)),
        Used("main", ProjectName("demo"), "demo.exe", None),
    ]
    assert len(await catalog.accesses.used("main", AT + timedelta(hours=1))) == 1


async def test_old_entries_are_forgotten(catalog: Catalog) -> None:
    """At most so many go at once, the oldest first, and no younger ones."""
    old = [replace(ONE, at=AT - timedelta(days=days)) for days in (1, 3, 2)]
    await catalog.accesses.add([*old, ONE])

    assert await catalog.accesses.forget(AT, 2) == 2
    assert await sought(catalog) == [ONE, old[0]]
    assert await catalog.accesses.forget(AT, 2) == 1
    assert await catalog.accesses.forget(AT, 2) == 0


async def test_nobody_is_woken(catalog: Catalog, other: Catalog) -> None:
    """No pulse beats for the access journal: neither a worker's own nor another's."""
    before = await certain(catalog), await certain(other)
    await other.accesses.add([ONE])
    await catalog.pulse.settle()

    assert before == (await certain(catalog), await certain(other))
    assert await sought(catalog) == [ONE]


async def certain(catalog: Catalog) -> int:
    """The beat, once it is not in doubt."""
    async with asyncio.timeout(60):
        while (beat := catalog.pulse.beat()) < 0:  # noqa: ASYNC110 - nobody sets an Event
            await asyncio.sleep(0.001)
    return beat


async def test_many_workers_write(catalog: Catalog, other: Catalog) -> None:
    """Whoever writes at the same time loses nothing."""
    await asyncio.gather(
        *(each.accesses.add([ONE] * 20) for each in (catalog, other) for _ in range(10))
    )

    assert len(await sought(catalog, most=1000)) == 400


async def test_on_sqlite_it_is_a_file_beside(sqlite: str, tmp_path: Path) -> None:
    """The main database does not grow by it, and it is there again with the next start."""
    catalog = connect(sqlite)
    await catalog.accesses.add([ONE])
    await catalog.close()
    again = connect(sqlite)

    assert (tmp_path / "catalog-access.db").exists()
    assert await sought(again) == [ONE]
    await again.close()


async def test_what_came_after_a_number(catalog: Catalog) -> None:
    """Entries are read on in the order in which they were written, so many at a time."""
    await catalog.accesses.add([ONE, TWO, OTHER])
    first = await catalog.accesses.after(0, 2)
    rest = await catalog.accesses.after(first[-1].number, 2)

    assert [each.fetched for each in (*first, *rest)] == [ONE, TWO, OTHER]
    assert await catalog.accesses.after(rest[-1].number, 2) == []
