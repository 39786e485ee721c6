"""What is found out about upstreams' files, on both databases."""

import pytest
from sqlalchemy import delete

from cloche.catalog import Catalog, findings
from cloche.catalog.schema import documents, pages
from cloche.core.backfill import Bytes
from cloche.core.model import FileKey, ProjectName
from tests.catalog.samples import DEMO, HOUR, NOON, entries, held, kept

pytestmark = pytest.mark.anyio


async def test_what_is_held_of_a_project(catalog: Catalog) -> None:
    """All that is held of a project's files is known by key and name, and nothing of others'."""
    mine = held()
    await catalog.pages.hold(mine)
    await catalog.pages.hold(held("about", key=mine.key, filename=f"{mine.filename}.metadata"))
    await catalog.pages.hold(held("other", project=ProjectName("other")))
    await catalog.pages.hold(held("elsewhere", upstream="elsewhere"))

    found = await catalog.findings.kept("pypi", DEMO)

    assert set(found) == {(mine.key, mine.filename), (mine.key, f"{mine.filename}.metadata")}
    assert found[mine.key, mine.filename] == Bytes(mine.digest, mine.size)


async def test_the_first_sighting_stays(catalog: Catalog, other: Catalog) -> None:
    """A file that is seen again was first seen when it was first seen, by whichever worker."""
    await catalog.findings.see("pypi", DEMO, ["a", "b"], NOON)
    await other.findings.see("pypi", DEMO, ["b", "c", "c"], NOON + HOUR)
    await other.findings.see("elsewhere", DEMO, ["a"], NOON + HOUR)

    assert await catalog.findings.seen("pypi", DEMO) == {"a": NOON, "b": NOON, "c": NOON + HOUR}
    assert await catalog.findings.seen("pypi", ProjectName("other")) == {}


async def test_sightings_outlive_documents(catalog: Catalog) -> None:
    """When a file was first seen is known still when no page that listed it is kept any more."""
    await catalog.pages.keep("pypi", DEMO, kept())
    await catalog.findings.see("pypi", DEMO, ["a"], NOON)
    with catalog.database.writing() as connection:
        connection.execute(delete(pages))
        connection.execute(delete(documents))

    assert await catalog.findings.seen("pypi", DEMO) == {"a": NOON}


async def test_sightings_of_what_is_gone_are_bounded(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upstream that lists other files each time does not fill the database."""
    monkeypatch.setattr(findings, "UNLISTED", 3)
    await catalog.findings.see("pypi", DEMO, ["a", "b", "c", "d"], NOON)
    await catalog.findings.see("pypi", DEMO, ["a", "e"], NOON + HOUR)
    assert len(await catalog.findings.seen("pypi", DEMO)) == 5

    await catalog.findings.see("pypi", DEMO, ["a", "f"], NOON + 2 * HOUR)

    assert await catalog.findings.seen("pypi", DEMO) == {"a": NOON, "f": NOON + 2 * HOUR}


async def test_news_of_a_file_is_a_change_of_its_page(catalog: Catalog) -> None:
    """What the page can state from now on is journaled once, and the page is as new as that."""
    first = await catalog.pages.keep("pypi", DEMO, kept())

    for _ in range(2):
        await catalog.pages.hold(held(), news=True)

    learned = entries(catalog)[1:]
    assert [(e["action"], e["place"], e["project"]) for e in learned] == [
        ("file learned", "pypi", "demo")
    ]
    page = await catalog.pages.recall("pypi", DEMO)
    assert page is not None
    assert page.serial == learned[0]["serial"] > first


async def test_other_bytes_are_news_again(catalog: Catalog) -> None:
    """When other bytes are held under a key, the page says something else."""
    key = FileKey("u" + "0" * 64)
    await catalog.pages.hold(held("one", key=key), news=True)
    await catalog.pages.hold(held("two", key=key), news=True)

    assert [entry["action"] for entry in entries(catalog)] == ["file learned"] * 2
