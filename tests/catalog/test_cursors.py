"""How far a webhook has been told: one tells, and none forgets."""

import asyncio
from datetime import timedelta

import pytest

from cloche.catalog import Catalog
from tests.catalog.samples import DEMO, HOUR, NOON, newest, remove, upload

pytestmark = pytest.mark.anyio

SOON = NOON + timedelta(seconds=60)
ACTIONS = ["file uploaded", "file deleted"]


async def test_a_new_one_begins_at_the_end(catalog: Catalog) -> None:
    """What happened before it was there is not told; what happens next is."""
    await catalog.ledger.publish(upload())
    assert await catalog.cursors.cursor("chat") == newest(catalog)
    await catalog.ledger.publish(upload("other"))
    assert await catalog.cursors.cursor("chat") == newest(catalog) - 1


async def test_two_begin_at_once(catalog: Catalog, other: Catalog) -> None:
    """Two workers that begin together agree where."""
    await catalog.ledger.publish(upload())
    found = await asyncio.gather(catalog.cursors.cursor("chat"), other.cursors.cursor("chat"))
    assert set(found) == {newest(catalog)}


async def test_what_is_told(catalog: Catalog) -> None:
    """Entries of the actions asked for, in order, so many at a time, with all that they say."""
    await catalog.ledger.publish(upload())
    await catalog.ledger.publish(upload("other", index="team"))
    await remove(catalog, "demo-1.0.tar.gz")
    await catalog.cursors.cursor("chat")

    one, two, three = await catalog.cursors.told(ACTIONS, 0, 10)

    assert (one.place, one.project, one.version) == ("main", DEMO, "1.0")
    assert (one.who, one.at, one.detail["sha256"]) == ("alice", NOON, upload().digest)
    assert (two.place, two.project) == ("team", "other")
    assert (three.action, three.filename) == ("file deleted", "demo-1.0.tar.gz")
    assert await catalog.cursors.told(ACTIONS, one.serial, 1) == [two]
    assert await catalog.cursors.told(["file deleted"], 0, 10) == [three]


async def test_one_tells(catalog: Catalog, other: Catalog) -> None:
    """While one has it no other gets it; when its time is over another does, and it knows."""
    serial = await catalog.cursors.cursor("chat")
    assert await catalog.cursors.take("chat", "a", NOON, SOON) == serial
    assert await other.cursors.take("chat", "b", NOON, SOON) is None
    assert await catalog.cursors.take("chat", "a", NOON, SOON) == serial
    assert await catalog.cursors.move("chat", "a", serial + 5, SOON)

    assert await other.cursors.take("chat", "b", SOON, SOON + HOUR) == serial + 5
    assert not await catalog.cursors.move("chat", "a", serial + 6, SOON + HOUR)
    assert await catalog.cursors.cursor("chat") == serial + 5


async def test_giving_it_back(catalog: Catalog, other: Catalog) -> None:
    """Whoever is done lets another have it at once; another webhook is another matter."""
    for name in ("chat", "mail"):
        await catalog.cursors.cursor(name)
    await catalog.cursors.take("chat", "a", NOON, SOON)
    assert await other.cursors.take("mail", "b", NOON, SOON) is not None
    await catalog.cursors.take("chat", "a", NOON, NOON)
    assert await other.cursors.take("chat", "b", NOON, SOON) is not None


async def test_many_want_it_at_once(catalog: Catalog, other: Catalog) -> None:
    """Of many who want it at the same moment, one has it."""
    await catalog.cursors.cursor("chat")
    found = await asyncio.gather(
        *(
            each.cursors.take("chat", f"{number}", NOON, SOON)
            for number, each in enumerate([catalog, other] * 5)
        )
    )
    assert len([each for each in found if each is not None]) == 1
