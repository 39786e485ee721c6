"""Moments with a name, and what is kept because of them."""

from datetime import timedelta

import pytest

from cloche.catalog import Catalog
from cloche.catalog.pages import OLDER
from cloche.core.errors import BadRequest, NoSuchMoment
from cloche.core.moments import Moment
from cloche.ports import Deed, Snapshot
from tests.catalog.samples import DEMO, HOUR, NOON, entries, kept, newest, part, upload

pytestmark = pytest.mark.anyio

ANN = Deed(who="ann", at=NOON + HOUR, reason="before the move")
FILE = upload().filename


async def delete(catalog: Catalog) -> None:
    await catalog.stewardship.delete(part(FILE), Deed(who="bob", at=NOON + HOUR))


async def referenced(catalog: Catalog) -> bool:
    """Whether the upload's bytes and its metadata are needed."""
    digest, metadata = upload().digest, upload().metadata
    assert metadata is not None
    found = await catalog.upkeep.referenced([digest, metadata])
    assert found in ({digest, metadata}, set())
    return bool(found)


async def test_making_finding_and_deleting(catalog: Catalog) -> None:
    """A snapshot names the newest serial or the moment that is told; an index has its own."""
    await catalog.ledger.publish(upload())
    first = await catalog.snapshots.create("main", "one", None, ANN)
    moment = Moment(serial=0, at=NOON)
    second = await catalog.snapshots.create("team", "one", moment, ANN)

    assert first == Snapshot(
        index="main", name="one", serial=1, at=ANN.at, made_at=ANN.at, made_by="ann"
    )
    assert (second.serial, second.at, second.made_at) == (0, NOON, ANN.at)
    assert await catalog.snapshots.find("main", "one") == first
    assert await catalog.snapshots.named(None) == [first, second]
    assert await catalog.snapshots.named("team") == [second]
    with pytest.raises(BadRequest, match="delete it first"):
        await catalog.snapshots.create("main", "one", None, ANN)

    await catalog.snapshots.delete("main", "one", ANN)
    for ask in (
        catalog.snapshots.find("main", "one"),
        catalog.snapshots.delete("main", "one", ANN),
    ):
        with pytest.raises(NoSuchMoment):
            await ask
    journaled = [(e["who"], e["action"], e["place"]) for e in entries(catalog)[1:]]
    assert journaled == [
        ("ann", "snapshot created", "main"),
        ("ann", "snapshot created", "team"),
        ("ann", "snapshot deleted", "main"),
    ]


async def test_a_snapshot_keeps_what_is_deleted_later(catalog: Catalog) -> None:
    """Bytes that were there at the moment of a snapshot are needed until it is deleted."""
    await catalog.ledger.publish(upload())
    await catalog.snapshots.create("main", "one", None, ANN)
    await delete(catalog)

    assert await referenced(catalog)
    await catalog.snapshots.delete("main", "one", ANN)
    assert not await referenced(catalog)


async def test_a_snapshot_keeps_nothing_else(catalog: Catalog) -> None:
    """What came after it, or was deleted before, a snapshot does not keep."""
    await catalog.snapshots.create("main", "before", None, ANN)
    await catalog.ledger.publish(upload())
    await delete(catalog)
    await catalog.snapshots.create("main", "after", None, ANN)

    assert not await referenced(catalog)


async def test_a_snapshot_in_an_upload_that_came_back(catalog: Catalog) -> None:
    """Of a file that was deleted twice both times count, and the time between them does not."""
    serials: list[int] = []
    for _ in range(2):
        serials.append(newest(catalog))
        await catalog.ledger.publish(upload())
        serials.append(newest(catalog))
        await delete(catalog)
    kept_by: list[bool] = []
    for serial in [*serials, newest(catalog)]:
        moment = Moment(serial=serial, at=NOON)
        await catalog.snapshots.create("main", "one", moment, ANN)
        kept_by.append(await referenced(catalog))
        await catalog.snapshots.delete("main", "one", ANN)

    assert kept_by == [False, True, False, True, False]


async def test_a_snapshot_keeps_pages(catalog: Catalog) -> None:
    """A page that a snapshot shows outlives any number of others."""
    for number in range(3):
        await catalog.pages.keep("pypi", DEMO, kept(b"%d" % number, NOON + number * HOUR))
    await catalog.snapshots.create("main", "one", Moment(serial=2, at=NOON), ANN)
    for number in range(3, OLDER + 5):
        at = NOON + timedelta(hours=number)
        await catalog.pages.keep("pypi", DEMO, kept(b"%d" % number, at))

    shown = [(await catalog.chronicle.page(n, "pypi", DEMO)).sighting for n in (1, 2, 3)]
    assert shown == ["seen", "seen", "lost"]
