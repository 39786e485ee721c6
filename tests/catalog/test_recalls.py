"""Kept files that their upstream has taken back, on both databases."""

import json

import pytest
from msgspec.structs import replace

from cloche.catalog import Catalog
from cloche.core.model import File
from cloche.core.recalls import Recall, Why
from tests.catalog.samples import DEMO, HOUR, NOON, entries, held, kept

pytestmark = pytest.mark.anyio

ONE = held("one", filename="demo-1.0.tar.gz")
TWO = held("two", filename="demo-2.0.tar.gz")


def recall(one: object = ONE, why: Why = Why.DELETED, **other: object) -> Recall:
    assert isinstance(one, type(ONE))
    file = File(filename=one.filename, hashes={"sha256": one.digest}, listed_key=one.key)
    made = Recall(
        upstream=one.upstream,
        project=one.project,
        key=one.key,
        digest=one.digest,
        file=file,
        why=why,
    )
    return replace(made, **other)


async def hold(catalog: Catalog) -> None:
    await catalog.pages.keep("pypi", DEMO, kept())
    for one in (ONE, TWO):
        await catalog.pages.hold(one)


async def test_what_is_gone(catalog: Catalog, other: Catalog) -> None:
    """Files that are gone are known to every worker as they were told, since when, and why."""
    await hold(catalog)
    await catalog.recalls.settle("pypi", DEMO, [recall(ONE, reason="why")], NOON)
    await catalog.recalls.settle("pypi", DEMO, [recall(ONE), recall(TWO)], NOON + HOUR)

    first, second = await other.recalls.of("pypi", DEMO)

    assert replace(first, at=None, serial=0) == recall(ONE, reason="why")
    assert (first.at, second.at, second.filename) == (NOON, NOON + HOUR, TWO.filename)
    assert first.serial < second.serial
    assert await other.recalls.of("other", DEMO) == []


async def test_each_is_journaled_once(catalog: Catalog) -> None:
    """Each file that is gone has one entry, and the page is as new as the newest of them."""
    await hold(catalog)
    for _ in range(2):
        await catalog.recalls.settle("pypi", DEMO, [recall(ONE, reason="why")], NOON)

    *_, entry = entries(catalog)
    assert [e["action"] for e in entries(catalog)] == ["page changed", "file recalled"]
    assert (entry["place"], entry["project"], entry["version"]) == ("pypi", "demo", "1.0")
    assert (entry["filename"], entry["at"]) == (ONE.filename, NOON)
    assert json.loads(entry["detail"]) == {"sha256": ONE.digest, "why": "deleted", "reason": "why"}
    page = await catalog.pages.recall("pypi", DEMO)
    assert page is not None
    assert page.serial == entry["serial"]


async def test_what_is_back(catalog: Catalog) -> None:
    """A file that is listed again is not gone; if it goes once more, that is news."""
    await hold(catalog)
    await catalog.recalls.settle("pypi", DEMO, [recall()], NOON)
    await catalog.recalls.settle("pypi", DEMO, [], NOON)
    assert await catalog.recalls.of("pypi", DEMO) == []

    await catalog.recalls.settle("pypi", DEMO, [recall()], NOON + HOUR)

    assert [e["at"] for e in entries(catalog)[1:]] == [NOON, NOON + HOUR]


async def test_another_reason(catalog: Catalog) -> None:
    """A file that was deleted, and is quarantined now, is gone for the new reason."""
    await hold(catalog)
    for why in (Why.DELETED, Why.QUARANTINED):
        await catalog.recalls.settle("pypi", DEMO, [recall(why=why)], NOON)

    (found,) = await catalog.recalls.of("pypi", DEMO)
    assert found.why is Why.QUARANTINED
    assert [json.loads(e["detail"])["why"] for e in entries(catalog)[1:]] == [
        "deleted",
        "quarantined",
    ]


async def test_what_is_not_kept_is_not_gone(catalog: Catalog) -> None:
    """A file whose bytes were evicted can be had no more, so nothing is said of it."""
    await catalog.recalls.settle("pypi", DEMO, [recall()], NOON)

    assert await catalog.recalls.of("pypi", DEMO) == []


async def test_what_befalls_files_is_told(catalog: Catalog) -> None:
    """What befalls files that are not gone is journaled: an advisory of a file once."""
    await hold(catalog)
    flagged = recall(why=Why.FLAGGED, advisories=("A-1",))
    await catalog.recalls.tell([recall(why=Why.YANKED, reason="broken"), flagged], NOON)
    await catalog.recalls.tell([flagged], NOON)
    await catalog.recalls.tell([replace(flagged, advisories=("A-1", "A-2"))], NOON)

    told = [json.loads(e["detail"]) for e in entries(catalog)[1:]]
    sha256 = ONE.digest
    assert told == [
        {"sha256": sha256, "why": "yanked", "reason": "broken"},
        {"sha256": sha256, "why": "flagged", "advisories": ["A-1"]},
        {"sha256": sha256, "why": "flagged", "advisories": ["A-2"]},
    ]
    assert await catalog.recalls.of("pypi", DEMO) == []
