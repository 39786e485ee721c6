"""Uploads that another index gets: all together or none, with their story."""

import asyncio
import json
from typing import Any

import pytest
from msgspec.structs import replace

from cloche.catalog import Catalog
from cloche.core.errors import FileExists, Forbidden, NoSuchFile
from cloche.core.model import Status
from cloche.ports import Copy, Deed
from tests.catalog.samples import DEMO, HOUR, NOON, entries, part, remove, upload

pytestmark = pytest.mark.anyio

PUSH = Deed(who="qa", at=NOON + HOUR, reason="tested")
WHEEL = "demo-1.0-py3-none-any.whl"
ONE, TWO = upload(), upload(filename=WHEEL, said="wheel")


def copy(of: Any = ONE, **other: Any) -> Copy:
    taken = replace(of, index="stable", first_index=of.first_index or of.index, **other)
    return Copy(upload=taken, source=of.index, hosted=True)


@pytest.fixture
async def catalog(catalog: Catalog) -> Catalog:
    for each in (ONE, TWO):
        await catalog.ledger.publish(each)
    return catalog


async def pushed(catalog: Catalog, *copies: Copy) -> list[str]:
    return await catalog.promotion.push(copies, PUSH, dry=False)


async def test_all_files_go_together(catalog: Catalog) -> None:
    """Each has its row, as it was uploaded, and its entry, by whom it was pushed and from where."""
    assert set(await pushed(catalog, copy(), copy(TWO))) == {ONE.filename, WHEEL}

    own = await catalog.ledger.own("stable", DEMO)
    assert own.uploads == (copy().upload, copy(TWO).upload)
    assert own.uploads[0].uploaded_at == NOON
    assert (own.uploads[0].uploaded_by, own.uploads[0].first_index) == ("alice", "main")
    *_, last = entries(catalog)
    assert (last["action"], last["who"], last["at"]) == ("file uploaded", "qa", NOON + HOUR)
    assert (last["place"], last["version"], last["filename"]) == ("stable", "1.0", WHEEL)
    assert json.loads(last["detail"]) == {
        "sha256": TWO.digest,
        "size": TWO.size,
        "from": "main",
        "reason": "tested",
        "uploaded": NOON.isoformat(),
        "uploaded_by": "alice",
    }


async def test_twice_changes_nothing(catalog: Catalog) -> None:
    """What is there already is passed over, and what is not is added."""
    assert await pushed(catalog, copy()) == [ONE.filename]
    assert await pushed(catalog, copy(), copy(TWO)) == [WHEEL]
    assert await pushed(catalog, copy(), copy(TWO)) == []
    assert len(entries(catalog)) == 4


async def test_none_goes_when_one_cannot(catalog: Catalog) -> None:
    """Where other bytes have one of the names, nothing is recorded, of the others neither."""
    await catalog.ledger.publish(upload(index="stable", filename=WHEEL, said="other"))
    before = entries(catalog)

    with pytest.raises(FileExists):
        await pushed(catalog, copy(), copy(TWO))

    assert entries(catalog) == before
    assert len(await catalog.ledger.files("stable", DEMO)) == 1


async def test_what_was_deleted_meanwhile(catalog: Catalog) -> None:
    """An upload that is no longer there when it would be recorded takes the others with it."""
    await remove(catalog, WHEEL)
    with pytest.raises(NoSuchFile, match="deleted from index main just now"):
        await pushed(catalog, copy(), copy(TWO))
    assert (await catalog.ledger.own("stable", DEMO)).uploads is None


async def test_a_name_that_was_deleted_there(catalog: Catalog) -> None:
    """A name that is deleted in the target takes its own bytes back, and no others."""
    await pushed(catalog, copy(), copy(TWO))
    await remove(catalog, WHEEL, "stable")
    with pytest.raises(FileExists):
        await pushed(catalog, replace(copy(TWO, digest=ONE.digest), hosted=False))
    assert await pushed(catalog, copy(), copy(TWO)) == [WHEEL]


@pytest.mark.parametrize("status", [Status.ARCHIVED, Status.QUARANTINED])
async def test_a_closed_project_takes_none(catalog: Catalog, status: Status) -> None:
    """What is archived or quarantined in the target takes no pushes; in the source it may be."""
    await catalog.stewardship.declare("main", DEMO, status, PUSH)
    assert await pushed(catalog, copy()) == [ONE.filename]
    await catalog.stewardship.declare("stable", DEMO, status, PUSH)
    with pytest.raises(Forbidden, match=f"demo is {status} in index stable"):
        await pushed(catalog, copy(TWO))


async def test_yanks_are_those_of_each_file(catalog: Catalog) -> None:
    """Of two files of which one is yanked, one is yanked there; one that joins yanked ones is."""
    yanked = copy(ONE, yanked=True, yanked_reason="broken")
    await pushed(catalog, yanked, copy(TWO))
    files = {f.filename: f.yanked_reason for f in await catalog.ledger.files("stable", DEMO)}
    assert files == {ONE.filename: "broken", WHEEL: ""}

    await catalog.stewardship.yank(part(version="1.0", index="stable"), PUSH, yanked=True)
    third = upload(filename="demo-1.0.zip")
    await catalog.ledger.publish(third)
    await pushed(catalog, copy(third))
    assert all(f.yanked for f in await catalog.ledger.files("stable", DEMO))


async def test_a_dry_run(catalog: Catalog) -> None:
    """It says what would be new, refuses what would be refused, and leaves all as it is."""
    await pushed(catalog, copy())
    before = entries(catalog)

    assert await catalog.promotion.push([copy(), copy(TWO)], PUSH, dry=True) == [WHEEL]
    other = replace(copy(digest=TWO.digest), hosted=False)
    with pytest.raises(FileExists):
        await catalog.promotion.push([other], PUSH, dry=True)

    assert entries(catalog) == before
    assert len(await catalog.ledger.files("stable", DEMO)) == 1
    assert await pushed(catalog, copy(TWO)) == [WHEEL]


async def test_two_push_it_at_once(catalog: Catalog, other: Catalog) -> None:
    """Of two who push the same version, one records it, and the other finds it there."""
    found = await asyncio.gather(
        catalog.promotion.push([copy(), copy(TWO)], PUSH, dry=False),
        other.promotion.push([copy(), copy(TWO)], PUSH, dry=False),
    )
    assert sorted(map(len, found)) == [0, 2]
    assert len(entries(catalog)) == 4
