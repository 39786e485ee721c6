"""Pages taken for stale before their time."""

import pytest
from msgspec.structs import replace

from cloche.catalog import Catalog
from cloche.core.model import ProjectName
from tests.catalog.samples import DEMO, HOUR, NOON, entries, kept

pytestmark = pytest.mark.anyio


async def test_a_page_expires(catalog: Catalog) -> None:
    """The page is what it was, but fresh no longer; who wished it stands in the journal.

    Its serial is that of the entry: mirrors refuse a page that is older than the journal says.
    """
    await catalog.pages.keep("pypi", DEMO, kept())
    before = await catalog.pages.recall("pypi", DEMO)
    assert before is not None

    assert await catalog.expiry.expire("pypi", DEMO, NOON - HOUR, "ada")

    entry = entries(catalog)[-1]
    expired = replace(before, fresh_until=NOON - HOUR, serial=entry["serial"])
    assert await catalog.pages.recall("pypi", DEMO) == expired
    assert (entry["action"], entry["who"], entry["place"]) == ("page expired", "ada", "pypi")
    assert entry["project"] == DEMO


async def test_what_is_not_kept(catalog: Catalog) -> None:
    """Of what is not kept, or gone, nothing expires; that it was wished is journaled."""
    await catalog.pages.keep("pypi", DEMO, kept())
    await catalog.pages.gone("pypi", DEMO, NOON)
    count = len(entries(catalog))

    assert not await catalog.expiry.expire("pypi", DEMO, NOON, "ada")
    assert not await catalog.expiry.expire("pypi", ProjectName("other"), NOON, "ada")
    told = [(e["action"], e["place"], e["project"]) for e in entries(catalog)[count:]]
    assert told == [("absences forgotten", "pypi", None)] * 2


async def test_who_wished_it_last(catalog: Catalog, other: Catalog) -> None:
    """Any process learns when it was wished last of an upstream, of one project or of all."""
    assert await other.expiry.expired("pypi") == 0
    await catalog.pages.keep("pypi", DEMO, kept())
    await catalog.expiry.expire("pypi", DEMO, NOON, "ada")
    first = await other.expiry.expired("pypi")
    await catalog.expiry.expire("pypi", None, NOON, "ada")

    wished = [e["serial"] for e in entries(catalog) if e["action"] == "absences forgotten"]
    assert [first, await other.expiry.expired("pypi")] == wished
    assert await other.expiry.expired("team") == 0
