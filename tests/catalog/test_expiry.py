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
    """Of what is not kept, or gone, nothing expires and nothing is journaled."""
    await catalog.pages.keep("pypi", DEMO, kept())
    await catalog.pages.gone("pypi", DEMO, NOON)
    count = len(entries(catalog))

    assert not await catalog.expiry.expire("pypi", DEMO, NOON, "ada")
    assert not await catalog.expiry.expire("pypi", ProjectName("other"), NOON, "ada")
    assert len(entries(catalog)) == count
