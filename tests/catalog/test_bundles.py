"""What bundles make of an upstream, on both databases."""

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from cloche.catalog import Catalog
from cloche.catalog.schema import arriving, arriving_files
from cloche.core.bundles import Entry, Load, Mark
from cloche.core.errors import BadBundle
from cloche.core.model import Digest, FileKey, Held, ProjectName
from cloche.core.policy import FOREVER
from cloche.core.recalls import Why
from tests.bundles.making import EGGS, ONE, SALT, TWO, contents, page
from tests.catalog.samples import HOUR, NOON, entries, held, newest

pytestmark = pytest.mark.anyio

SALTY = ProjectName("salt")


def load(bundle: str, base: str | None = None, *, later: int = 0) -> Load:
    mark = Mark(index="main", serial=1, at=NOON + later * HOUR, bundle=Digest(bundle * 64))
    return Load(mark=mark, base=base and base * 64)


async def apply(
    catalog: Catalog, what: Load, pages: Iterator[tuple[Entry, bytes | None]]
) -> tuple[int, int]:
    done = await catalog.carried.apply("carried", what, pages, NOON, "alice")
    return done.changed, done.gone


async def test_a_whole_bundle(catalog: Catalog, other: Catalog) -> None:
    """Its pages and files are the upstream's from then on, for every worker; nobody asks anew."""
    assert await catalog.carried.mark("carried") is None
    assert await apply(catalog, load("a"), contents(ONE)) == (2, 0)

    assert await other.carried.mark("carried") == load("a").mark
    assert await other.pages.projects("carried") == ["eggs", "salt"]
    kept = await other.pages.recall("carried", SALTY)
    assert kept is not None
    assert (kept.document.body, kept.fresh_until) == (page("salt", [SALT]), FOREVER)
    held = await other.pages.held("carried", FileKey(SALT.sha256), f"{SALT.filename}.metadata")
    assert held is not None
    assert (held.digest, held.size) == (SALT.metadata_sha256, len(SALT.metadata))
    journaled = [(each["action"], each["place"], each["project"]) for each in entries(other)]
    assert journaled == [
        ("page changed", "carried", "eggs"),
        ("page changed", "carried", "salt"),
        ("bundle applied", "carried", None),
    ]


async def test_a_delta(catalog: Catalog) -> None:
    """New and changed pages come, projects that are no more go, others stay as they are."""
    await apply(catalog, load("a"), contents(ONE))
    gone = await catalog.carried.gone("carried", (each for each, _ in contents(TWO, ONE)))
    assert gone == ["eggs"]

    delta = contents(TWO, ONE)
    assert await apply(catalog, load("b", "a", later=1), delta) == (2, 1)

    assert await catalog.pages.projects("carried") == ["pepper", "salt"]
    assert await catalog.carried.mark("carried") == load("b", later=1).mark
    kept = await catalog.pages.held("carried", FileKey(EGGS.sha256), EGGS.filename)
    assert kept is not None  # a lock file may name it
    (recall,) = await catalog.recalls.of("carried", ProjectName("eggs"))
    assert (recall.why, recall.file.core_metadata, recall.digest) == (
        Why.DELETED,
        {"sha256": EGGS.metadata_sha256},
        EGGS.sha256,
    )


async def test_again(catalog: Catalog) -> None:
    """The same bundle again changes nothing, and is no news."""
    await apply(catalog, load("a"), contents(ONE))
    before = newest(catalog)
    assert await apply(catalog, load("a"), contents(ONE)) == (0, 0)
    assert newest(catalog) == before


async def test_out_of_turn(catalog: Catalog) -> None:
    """A delta on another bundle than the last one is refused, and changes nothing."""
    for what in (load("b", "a"), load("c", "b", later=2)):
        with pytest.raises(BadBundle, match="stands on"):
            await apply(catalog, what, contents(TWO, ONE))
        assert await catalog.pages.projects("carried") in ([], ["eggs", "salt"])
        await apply(catalog, load("a"), contents(ONE))
    with pytest.raises(BadBundle, match="back"):
        await apply(catalog, load("d", later=-1), contents(TWO))


async def test_all_or_nothing(catalog: Catalog) -> None:
    """What fails in the middle leaves all as it was."""

    def cut() -> Iterator[tuple[Entry, bytes | None]]:
        yield next(contents(ONE))
        raise BadBundle("cut short")

    with pytest.raises(BadBundle, match="cut short"):
        await apply(catalog, load("a"), cut())
    assert (await catalog.pages.projects("carried"), entries(catalog)) == ([], [])
    assert left(catalog) == 0


def left(catalog: Catalog) -> int:
    """Rows of what is laid down and does not show."""
    tables = (arriving, arriving_files)
    with catalog.database.reading() as connection:
        return sum(
            connection.scalar(select(func.count()).select_from(each)) or 0 for each in tables
        )


async def test_on_the_way(
    catalog: Catalog, other: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While pages are laid down nobody sees one of them, now or as of then, and others write."""
    monkeypatch.setattr("cloche.catalog.arriving.PROJECTS", 1)
    loop = asyncio.get_running_loop()
    seen = []

    def slowly() -> Iterator[tuple[Entry, bytes | None]]:
        for count, each in enumerate(contents(ONE)):
            if count:
                seen.append(asyncio.run_coroutine_threadsafe(look(other), loop).result(30))
            yield each

    assert await apply(catalog, load("a"), slowly()) == (2, 0)
    assert seen == [(1, [], None, "never")]
    assert left(catalog) == 0
    then = await other.chronicle.page(newest(other), "carried", SALTY)
    assert then.sighting == "seen"


async def look(catalog: Catalog) -> tuple[int, list[ProjectName], Held | None, str]:
    """What is laid down, and what shows of it to one who writes, too."""
    await catalog.pages.hold(held())
    there = await catalog.pages.held("carried", FileKey(EGGS.sha256), EGGS.filename)
    then = await catalog.chronicle.page(newest(catalog), "carried", ProjectName("eggs"))
    names = await catalog.pages.projects("carried")
    return min(1, left(catalog)), names, there, then.sighting


async def test_stopped(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who cancels it before it shows has nothing of it, and it can be done again."""
    monkeypatch.setattr("cloche.catalog.arriving.PROJECTS", 1)
    loop = asyncio.get_running_loop()

    async def cancelled() -> None:
        task.cancel()
        for _ in range(10):  # turns of the loop, until all who await it have heard
            await asyncio.sleep(0)

    def slowly() -> Iterator[tuple[Entry, bytes | None]]:
        for count, each in enumerate(contents(ONE)):
            if count:
                asyncio.run_coroutine_threadsafe(cancelled(), loop).result(30)
            yield each

    task = asyncio.ensure_future(apply(catalog, load("a"), slowly()))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await catalog.pages.projects("carried"), entries(catalog)) == ([], [])
    assert left(catalog) == 0
    assert await apply(catalog, load("a"), contents(ONE)) == (2, 0)


async def test_a_page_that_is_supposed(catalog: Catalog) -> None:
    """A bundle that supposes a page to be here which is not is refused."""
    await apply(catalog, load("a"), contents({"salt": [SALT]}))

    with pytest.raises(BadBundle, match="supposes a page of eggs"):
        await apply(catalog, load("b", "a", later=1), contents({**ONE, **TWO}, ONE))
