"""What feeds say of projects, on both databases."""

from datetime import datetime

import pytest
from msgspec.structs import replace

from cloche.catalog import Catalog
from cloche.core.advisories import Advisory, Span
from cloche.core.model import Digest, ProjectName
from cloche.ports import Bulletin, FeedState
from tests.catalog.samples import DEMO, HOUR, NOON, entries, kept, sha256, upload

pytestmark = pytest.mark.anyio

OTHER = ProjectName("other")
PLACES = ("main", "pypi")
STATE = FeedState(
    name="osv",
    source="/osv",
    validator='"one"',
    documents=1,
    skipped=0,
    loaded_at=NOON,
    checked_at=NOON,
)


def told(name: str, *projects: ProjectName) -> Bulletin:
    advisory = Advisory(id=name, score=9.8, spans=(Span("1.0", "2.0", with_last=True),))
    return Bulletin(sha256(name), dict.fromkeys(projects or (DEMO,), advisory))


async def ids(catalog: Catalog, project: ProjectName = DEMO, *feeds: str) -> list[str] | None:
    found = await catalog.advisories.of(feeds or ("osv",), project)
    return None if found is None else sorted(each.id for each in found)


async def test_what_is_said_of_a_project(catalog: Catalog, other: Catalog) -> None:
    """Each advisory of the project is known in every worker as it was told, and no other's."""
    await catalog.advisories.add("osv", [told("A-1"), told("A-2", DEMO, OTHER)], NOON, PLACES)
    await catalog.advisories.loaded(STATE)

    assert await other.advisories.of(["osv"], DEMO) is not None
    assert await ids(other) == ["A-1", "A-2"]
    assert await ids(other, OTHER) == ["A-2"]
    assert await ids(other, ProjectName("nothing")) == []
    found = await other.advisories.of(["osv"], OTHER)
    assert found == tuple(told("A-2").about.values())


async def test_nothing_is_known_before_it_was_loaded(catalog: Catalog) -> None:
    """As long as one of the feeds has not come to its end, what is known is not known."""
    await catalog.advisories.add("osv", [told("A-1")], NOON, PLACES)
    assert await ids(catalog) is None
    await catalog.advisories.loaded(STATE)

    assert await ids(catalog) == ["A-1"]
    assert await ids(catalog, DEMO, "osv", "own") is None


async def test_documents_come_and_go(catalog: Catalog) -> None:
    """What was added is there once, however often it is told, and what was removed is not."""
    for _ in range(2):
        await catalog.advisories.add("osv", [told("A-1"), told("A-2")], NOON, PLACES)
    await catalog.advisories.add("own", [told("A-1")], NOON, PLACES)
    await catalog.advisories.loaded(STATE)
    assert await catalog.advisories.documents("osv") == {sha256("A-1"), sha256("A-2")}

    await catalog.advisories.remove("osv", [sha256("A-1")], NOON, PLACES)

    assert await catalog.advisories.documents("osv") == {sha256("A-2")}
    assert await catalog.advisories.documents("own") == {sha256("A-1")}
    assert await ids(catalog) == ["A-2"]


async def test_many_documents(catalog: Catalog) -> None:
    """There can be more than one statement takes."""
    many = [told(f"A-{number}", ProjectName(f"p{number}")) for number in range(1203)]
    await catalog.advisories.add("osv", many, NOON, PLACES)
    assert len(await catalog.advisories.documents("osv")) == len(many)

    await catalog.advisories.remove("osv", [each.document for each in many[:1201]], NOON, PLACES)

    assert len(await catalog.advisories.documents("osv")) == 2


async def test_only_known_projects_are_journaled(catalog: Catalog) -> None:
    """Kept and uploaded projects have an entry for what came and what went, and no others."""
    await catalog.pages.keep("pypi", DEMO, kept())
    await catalog.ledger.publish(upload("mine"))
    before = len(entries(catalog))
    mine = ProjectName("mine")

    await catalog.advisories.add("osv", [told("A-1", DEMO, OTHER, mine)], NOON, PLACES)
    await catalog.advisories.remove("osv", [sha256("A-1")], NOON + HOUR, PLACES)

    new = entries(catalog)[before:]
    assert [(e["action"], e["place"], e["project"], e["detail"]) for e in new] == [
        ("advisories changed", "+advisories/osv", name, '{"advisories":["A-1"]}')
        for name in ("demo", "mine") * 2
    ]
    assert [e["at"] for e in new] == [NOON, NOON, NOON + HOUR, NOON + HOUR]


async def test_projects_are_known_by_what_is_configured(catalog: Catalog) -> None:
    """A page of an upstream that nobody asks any more is shown nowhere, and journaled nowhere."""
    await catalog.pages.keep("former", DEMO, kept())
    before = len(entries(catalog))

    await catalog.advisories.add("osv", [told("A-1")], NOON, PLACES)

    assert entries(catalog)[before:] == []


async def test_what_a_feed_came_to(catalog: Catalog) -> None:
    """A feed is known as it was loaded last."""
    assert await catalog.advisories.feed("osv") is None
    await catalog.advisories.loaded(STATE)
    later = replace(STATE, validator=None, checked_at=NOON + HOUR, skipped=2)
    await catalog.advisories.loaded(later)

    assert await catalog.advisories.feed("osv") == later
    assert await catalog.advisories.feed("own") is None


async def test_times_are_kept(catalog: Catalog) -> None:
    """When an advisory was withdrawn is known to the microsecond."""
    at: datetime = NOON
    advisory = Advisory(id="A-1", withdrawn=at)
    await catalog.advisories.add("osv", [Bulletin(Digest("0" * 64), {DEMO: advisory})], at, PLACES)
    await catalog.advisories.loaded(STATE)

    assert await catalog.advisories.of(["osv"], DEMO) == (advisory,)
