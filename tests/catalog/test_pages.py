from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import func, select

from cloche.catalog import Catalog
from cloche.catalog.schema import documents
from cloche.core.model import FileKey, ProjectName
from cloche.ports import Document, Kept
from tests.catalog.samples import DEMO, HOUR, NOON, entries, held, kept

pytestmark = pytest.mark.anyio


def stored(catalog: Catalog, project: str = "demo") -> int:
    """How many documents of a project are there."""
    query = select(func.count()).where(documents.c.project == project)
    with catalog.database.reading() as connection:
        return connection.execute(query).scalar_one()


async def recalled(catalog: Catalog) -> Kept:
    found = await catalog.pages.recall("pypi", DEMO)
    assert found is not None
    return found


async def test_document_is_recalled_as_kept(catalog: Catalog) -> None:
    """What was kept is recalled byte for byte, with the serial of its journal entry."""
    mine = kept(bytes(range(256)) * 100)

    serial = await catalog.pages.keep("pypi", DEMO, mine)

    assert await recalled(catalog) == msgspec.structs.replace(mine, serial=serial)
    [entry] = entries(catalog)
    assert (entry["action"], entry["serial"], entry["at"]) == ("page changed", serial, NOON)
    assert (entry["place"], entry["project"]) == ("pypi", "demo")


async def test_unknown_page(catalog: Catalog) -> None:
    """Nothing is recalled of a project that was never kept, nor of another upstream's."""
    await catalog.pages.keep("pypi", DEMO, kept())

    assert await catalog.pages.recall("pypi", ProjectName("other")) is None
    assert await catalog.pages.recall("elsewhere", DEMO) is None


async def test_body_is_compressed(catalog: Catalog) -> None:
    """A page of much repetition takes little room."""
    await catalog.pages.keep("pypi", DEMO, kept(b"<a href=x>x</a>\n" * 10_000))

    with catalog.database.reading() as connection:
        size = connection.execute(select(func.length(documents.c.body))).scalar_one()
    assert size < 1000


async def test_same_content_again_is_no_change(catalog: Catalog) -> None:
    """Content that equals the current one is not journaled, and only its freshness is renewed."""
    serial = await catalog.pages.keep("pypi", DEMO, kept())
    later = kept(at=NOON + HOUR, etag='"two"')

    assert await catalog.pages.keep("pypi", DEMO, later) == serial

    assert await recalled(catalog) == msgspec.structs.replace(later, serial=serial, first_seen=NOON)
    assert len(entries(catalog)) == 1


async def test_new_content_is_a_change(catalog: Catalog) -> None:
    """Other content gets a serial of its own, and the older content stays in the store."""
    first = await catalog.pages.keep("pypi", DEMO, kept(b"one"))

    second = await catalog.pages.keep("pypi", DEMO, kept(b"two"))

    assert second > first
    assert (await recalled(catalog)).document.body == b"two"
    assert stored(catalog) == 2


async def test_content_is_all_that_was_said(catalog: Catalog) -> None:
    """The same bytes of another type, or from another place, are another document."""
    said = [
        ("text/html", "http://a/"),
        ("application/json", "http://a/"),
        ("text/html", "http://b/"),
    ]
    for content_type, url in said:
        document = Document(body=b"x", content_type=content_type, url=url)
        await catalog.pages.keep("pypi", DEMO, kept(document=document))
        assert (await recalled(catalog)).document == document

    assert stored(catalog) == len(entries(catalog)) == 3


async def test_returning_content_is_stored_once(catalog: Catalog) -> None:
    """Content that comes back is a change, yet has one row and its first sighting."""
    await catalog.pages.keep("pypi", DEMO, kept(b"one"))
    second = await catalog.pages.keep("pypi", DEMO, kept(b"two", NOON + HOUR))

    third = await catalog.pages.keep("pypi", DEMO, kept(b"one", NOON + 2 * HOUR))

    found = await recalled(catalog)
    assert third > second
    assert (found.document.body, found.first_seen, found.serial) == (b"one", NOON, third)
    assert stored(catalog) == 2


async def test_sightings_are_dated(catalog: Catalog) -> None:
    """A document knows when it was first and last seen, by a 304 too."""
    await catalog.pages.keep("pypi", DEMO, kept())
    await catalog.pages.touch("pypi", DEMO, NOON + HOUR, NOON + 2 * HOUR)

    with catalog.database.reading() as connection:
        row = connection.execute(select(documents)).one()
    assert (row.first_seen, row.last_seen) == (NOON, NOON + HOUR)


async def test_touch_renews_freshness_only(catalog: Catalog) -> None:
    """A 304 changes when the page was checked and until when it is fresh, and nothing else."""
    serial = await catalog.pages.keep("pypi", DEMO, kept())

    await catalog.pages.touch("pypi", DEMO, NOON + HOUR, NOON + 3 * HOUR)

    times = {"checked_at": NOON + HOUR, "fresh_until": NOON + 3 * HOUR}
    assert await recalled(catalog) == msgspec.structs.replace(kept(), serial=serial, **times)
    assert len(entries(catalog)) == 1


async def test_gone_page(catalog: Catalog) -> None:
    """A project that is gone upstream is not recalled, and that is journaled once."""
    await catalog.pages.keep("pypi", DEMO, kept())

    await catalog.pages.gone("pypi", DEMO, NOON + HOUR)
    await catalog.pages.gone("pypi", DEMO, NOON + 2 * HOUR)
    await catalog.pages.touch("pypi", DEMO, NOON + HOUR, NOON + 3 * HOUR)

    assert await catalog.pages.recall("pypi", DEMO) is None
    assert [entry["action"] for entry in entries(catalog)] == ["page changed", "page gone"]
    assert entries(catalog)[-1]["at"] == NOON + HOUR


async def test_unknown_project_cannot_go(catalog: Catalog) -> None:
    """A project that was never kept leaves no trace when the upstream does not have it."""
    await catalog.pages.gone("pypi", DEMO, NOON)

    assert entries(catalog) == []


async def test_page_that_comes_back(catalog: Catalog) -> None:
    """A project that was gone is a change when it comes back, even with the old content."""
    first = await catalog.pages.keep("pypi", DEMO, kept())
    await catalog.pages.gone("pypi", DEMO, NOON)

    again = await catalog.pages.keep("pypi", DEMO, kept())

    assert again > first
    assert (await recalled(catalog)).serial == again


async def test_older_documents_are_bounded(catalog: Catalog) -> None:
    """The first and a hundred older documents of a project are kept, the last seen ones."""
    await catalog.pages.keep("pypi", ProjectName("other"), kept(b"untouched"))
    for number in range(104):
        at = NOON + timedelta(minutes=number)
        await catalog.pages.keep("pypi", DEMO, kept(b"%d" % number, at))

    with catalog.database.reading() as connection:
        query = select(documents.c.first_seen).where(documents.c.project == "demo")
        first, second, *_ = sorted(connection.execute(query).scalars())
    assert stored(catalog) == 102
    assert (first, second) == (NOON, NOON + timedelta(minutes=3))
    assert stored(catalog, "other") == 1
    assert (await recalled(catalog)).document.body == b"103"


async def test_kept_projects_are_sorted(catalog: Catalog) -> None:
    """The projects of an upstream are those of which a document is kept, sorted."""
    for project in ("b", "a-z", "a", "ab", "gone"):
        await catalog.pages.keep("pypi", ProjectName(project), kept())
    await catalog.pages.keep("elsewhere", ProjectName("other"), kept())
    await catalog.pages.gone("pypi", ProjectName("gone"), NOON)

    assert await catalog.pages.projects("pypi") == ["a", "a-z", "ab", "b"]


async def test_strange_headers_are_storable(catalog: Catalog) -> None:
    """Headers that are no proper text do not keep a page from being kept, or known again."""
    document = Document(body=b"x", content_type="text/\udcff", url="http://a/\0")
    strange = kept(document=document, etag='"\0\udcff"')

    first = await catalog.pages.keep("pypi", DEMO, strange)

    assert await catalog.pages.keep("pypi", DEMO, strange) == first
    assert (await recalled(catalog)).document.body == b"x"


async def test_held_file_is_found_again(catalog: Catalog) -> None:
    """What is held of an upstream's file is found under its key and filename, and only there."""
    mine = held()
    about = held("metadata", key=mine.key, filename="demo-1.0.tar.gz.metadata")
    await catalog.pages.hold(mine)
    await catalog.pages.hold(about)

    assert await catalog.pages.held("pypi", mine.key, mine.filename) == mine
    assert await catalog.pages.held("pypi", mine.key, about.filename) == about
    assert await catalog.pages.held("other", mine.key, mine.filename) is None
    assert await catalog.pages.held("pypi", FileKey("u"), mine.filename) is None


async def test_holding_again_is_harmless(catalog: Catalog) -> None:
    """The newest bytes held under a key are the ones that count."""
    await catalog.pages.hold(held())
    await catalog.pages.hold(held())
    newer = held("newer", key=held().key)

    await catalog.pages.hold(newer)

    assert await catalog.pages.held("pypi", newer.key, newer.filename) == newer
    assert entries(catalog) == []
