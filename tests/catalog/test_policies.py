"""Which rules an index had, and from which serial on."""

import pytest

from cloche.catalog import Catalog
from cloche.ports import Deed
from tests.catalog.samples import DEMO, NOON, entries, upload

pytestmark = pytest.mark.anyio

DEED = Deed(who="cloche", at=NOON)


async def test_rules_are_noted_when_they_are_others(catalog: Catalog) -> None:
    """Each index has the rules that were noted last up to a serial; the same again are no news."""
    assert await catalog.policies.note({"main": "", "team": ""}, DEED) == []
    assert await catalog.policies.note({"main": "one", "team": ""}, DEED) == ["main"]
    await catalog.ledger.publish(upload())
    assert await catalog.policies.note({"main": "one", "team": "two"}, DEED) == ["team"]
    assert await catalog.policies.note({"main": "", "team": "two"}, DEED) == ["main"]
    assert await catalog.policies.note({"team": "two"}, DEED) == []

    said = [await catalog.policies.then(serial) for serial in range(5)]
    assert said == [
        {},
        {"main": "one"},
        {"main": "one"},
        {"main": "one", "team": "two"},
        {"main": "", "team": "two"},
    ]
    journaled = [(e["action"], e["place"]) for e in entries(catalog)]
    assert journaled[2:] == [("rules changed", "team"), ("rules changed", "main")]


async def test_other_sources_are_told_as_rules_are(catalog: Catalog, other: Catalog) -> None:
    """From then on the index has the rules it had; what is noted first, or again, is no news."""
    policies = catalog.policies
    await policies.note({"main": "rules"}, DEED)
    assert await policies.note_sources({"main": "pypi", "team": "none"}, DEED) == []
    assert await other.policies.note_sources({"main": "pypi"}, DEED) == []
    assert await policies.note_sources({"main": "team, pypi", "team": "pypi"}, DEED) == [
        "main",
        "team",
    ]
    assert await other.policies.note_sources({"team": "pypi"}, DEED) == []

    told = [(e["serial"], e["action"], e["place"]) for e in entries(catalog)][1:]
    assert told == [(2, "sources changed", "main"), (3, "sources changed", "team")]
    assert await policies.then(3) == {"main": "rules", "team": ""}
    assert (await catalog.ledger.own("main", DEMO)).serial == 2


async def test_workers_that_start_together(catalog: Catalog, other: Catalog) -> None:
    """What one worker has noted, another one does not note again."""
    assert await catalog.policies.note({"main": "one"}, DEED) == ["main"]
    assert await other.policies.note({"main": "one"}, DEED) == []
    assert len(entries(catalog)) == 1
