"""Uploads that were made elsewhere: entered now, with the time and the yank they had there."""

import json

import pytest
from msgspec.structs import replace

from cloche.catalog import Catalog
from cloche.core.errors import FileExists, Forbidden
from cloche.core.model import Status
from cloche.ports import Deed
from tests.catalog.samples import DEMO, HOUR, NOON, entries, part, remove, upload

pytestmark = pytest.mark.anyio

NOW = Deed(who="import", at=NOON + HOUR)
ONE = upload()
WHEEL = upload(filename="demo-1.0-py3-none-any.whl", said="wheel")


async def entered(catalog: Catalog, *uploads: object) -> list[bool]:
    return [await catalog.arrivals.enter(each, NOW, {"imported": "folder"}) for each in uploads]  # type: ignore[arg-type]  # they are


async def test_a_name_that_nobody_bears(catalog: Catalog) -> None:
    """A filename that no index has is nobody's, and one of another index is nobody's here."""
    await entered(catalog, ONE)
    assert await catalog.arrivals.bearer("main", WHEEL.filename) is None
    assert await catalog.arrivals.bearer("other", ONE.filename) is None


async def test_what_bears_a_name(catalog: Catalog) -> None:
    """It is told with its size, its hashes and its time, and that it is deleted when it is."""
    await entered(catalog, ONE)
    there = await catalog.arrivals.bearer("main", ONE.filename)
    assert there is not None
    assert (there.digest, there.size, there.hashes) == (ONE.digest, ONE.size, ONE.hashes)
    assert (there.uploaded_at, there.deleted) == (NOON, False)

    await remove(catalog, ONE.filename)
    gone = await catalog.arrivals.bearer("main", ONE.filename)
    assert gone == replace(there, deleted=True)


async def test_the_journal_says_when_it_came(catalog: Catalog) -> None:
    """The row has the time of the upload, the journal's entry that of the import, and by whom."""
    assert await entered(catalog, ONE) == [True]

    own = await catalog.ledger.own("main", DEMO)
    assert own.uploads == (ONE,)
    (entry,) = entries(catalog)
    assert (entry["action"], entry["who"], entry["at"]) == ("file uploaded", "import", NOON + HOUR)
    assert json.loads(entry["detail"]) == {
        "sha256": ONE.digest,
        "size": ONE.size,
        "imported": "folder",
    }


async def test_again(catalog: Catalog) -> None:
    """The same bytes are entered once; others are refused, and they alone."""
    assert await entered(catalog, ONE, ONE) == [True, False]
    with pytest.raises(FileExists):
        await entered(catalog, upload(said="other"))
    assert await entered(catalog, WHEEL) == [True]
    assert len(entries(catalog)) == 2


async def test_yanked_files(catalog: Catalog) -> None:
    """A yank comes along with its reason, and what came before it of the version stays as it is."""
    yanked = replace(WHEEL, yanked=True, yanked_reason="broken")
    await entered(catalog, ONE, yanked)
    own = await catalog.ledger.own("main", DEMO)
    assert own.uploads == (ONE, yanked)


async def test_a_project_that_takes_none(catalog: Catalog) -> None:
    """An archived project takes no files of the past either (PEP 792)."""
    await entered(catalog, ONE)
    await catalog.stewardship.declare("main", part().project, Status.ARCHIVED, NOW)
    with pytest.raises(Forbidden):
        await entered(catalog, WHEEL)
