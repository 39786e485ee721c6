"""What upstreams were seen not to have."""

import pytest

from cloche.catalog import Catalog
from cloche.core.model import ProjectName
from tests.catalog.samples import DEMO, HOUR, NOON, entries, kept, newest

pytestmark = pytest.mark.anyio


async def test_an_absence_is_noted_once(catalog: Catalog) -> None:
    """It is news the first time, of each upstream, and no entry of the journal: no page changes."""
    count = len(entries(catalog))
    assert await catalog.absences.note("pypi", DEMO, NOON)
    assert not await catalog.absences.note("pypi", DEMO, NOON + HOUR)
    assert await catalog.absences.note("team", DEMO, NOON)

    assert await catalog.absences.noted("pypi", DEMO)
    assert not await catalog.absences.noted("pypi", ProjectName("other"))
    assert len(entries(catalog)) == count


async def test_what_was_seen_is_not_absent(catalog: Catalog) -> None:
    """Of what an upstream has, or had, the journal tells when that was."""
    await catalog.pages.keep("pypi", DEMO, kept())
    assert not await catalog.absences.note("pypi", DEMO, NOON)
    assert not await catalog.absences.noted("pypi", DEMO)
    await catalog.pages.gone("pypi", DEMO, NOON)

    assert not await catalog.absences.note("pypi", DEMO, NOON)


async def test_what_is_gone_is_absent(catalog: Catalog) -> None:
    """A project that its upstream took back is known to be absent, until it is there again."""
    await catalog.pages.keep("pypi", DEMO, kept())
    await catalog.pages.gone("pypi", DEMO, NOON)
    assert await catalog.absences.noted("pypi", DEMO)

    await catalog.pages.keep("pypi", DEMO, kept())

    assert not await catalog.absences.noted("pypi", DEMO)


async def test_the_past_of_an_absence(catalog: Catalog) -> None:
    """It holds for all the time before, and until something else may have been there."""
    await catalog.pages.keep("pypi", ProjectName("other"), kept())
    absent = newest(catalog)
    await catalog.absences.note("pypi", DEMO, NOON)

    async def sighting(serial: int) -> str:
        return (await catalog.chronicle.page(serial, "pypi", DEMO)).sighting

    assert {await sighting(serial) for serial in (0, absent, absent + 9)} == {"gone"}
    await catalog.pages.keep("pypi", ProjectName("third"), kept())
    await catalog.pages.keep("pypi", DEMO, kept())
    assert [await sighting(absent + more) for more in (0, 1, 2)] == ["gone", "later", "seen"]
