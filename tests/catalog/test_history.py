"""The journal as it is read, on either database."""

from datetime import timedelta
from typing import Any

import pytest

from cloche.catalog import Catalog
from cloche.core.index import Index, Route, Ways
from cloche.core.model import ProjectName
from cloche.core.patterns import names
from cloche.ports import Deed
from tests.catalog.samples import (
    DEMO,
    HOUR,
    NOON,
    entries,
    kept,
    newest,
    part,
    remove,
    token,
    upload,
)

pytestmark = pytest.mark.anyio

BOB = Deed(who="bob", at=NOON)


async def test_nothing_has_no_serial(catalog: Catalog) -> None:
    """Places of which the journal says nothing have no newest entry."""
    await catalog.ledger.publish(upload())

    assert await catalog.journal.newest(["team"]) == 0
    assert await catalog.journal.newest([]) == 0


async def test_the_newest_is_of_the_places_asked_for(catalog: Catalog) -> None:
    """Neither another place nor a token moves a place's newest serial."""
    await catalog.ledger.publish(upload())
    first = newest(catalog)
    await catalog.ledger.publish(upload(index="team"))
    await catalog.tokens.add(token(), "bob")

    assert await catalog.journal.newest(["main"]) == first
    assert await catalog.journal.newest(["main", "team"]) == first + 1


async def test_entries_say_what_happened(catalog: Catalog) -> None:
    """An entry tells who did what, when, to which file of which version."""
    await catalog.ledger.publish(upload())

    [entry] = await catalog.journal.events(["main"], 0, 10)
    assert (entry.serial, entry.at, entry.who) == (newest(catalog), NOON, "alice")
    assert (entry.action, entry.place, entry.project) == ("file uploaded", "main", DEMO)
    assert (entry.version, entry.filename) == ("1.0", "demo-1.0.tar.gz")


async def test_entries_come_in_order_after_a_serial(catalog: Catalog) -> None:
    """Whoever asks again from the last serial misses nothing and sees nothing twice."""
    for version in "12345":
        await catalog.ledger.publish(upload(version=version))
    first = await catalog.journal.events(["main"], 0, 2)
    rest = await catalog.journal.events(["main"], first[-1].serial, 10)

    assert [entry.version for entry in first + rest] == list("12345")


async def test_entries_know_what_they_begin(catalog: Catalog) -> None:
    """The first entry of a project, and of a version of it, are told from later ones."""
    for version, python in (("1", "py2"), ("1", "py3"), ("2", "py3")):
        await catalog.ledger.publish(upload(version=version, filename=f"{version}-{python}"))

    entries = await catalog.journal.events(["main"], 0, 10)
    assert [(e.opens_project, e.opens_version) for e in entries] == [
        (True, True),
        (False, False),
        (False, True),
    ]


async def test_a_name_begins_in_each_place(catalog: Catalog) -> None:
    """What another index has makes a project here no older."""
    await catalog.ledger.publish(upload())
    await catalog.ledger.publish(upload(index="team"))

    [entry] = await catalog.journal.events(["team"], 0, 10)
    assert entry.opens_project


async def test_openings_are_the_newest(catalog: Catalog) -> None:
    """Of what began, the last come first, and no more than asked for."""
    for project in ("a", "b", "c"):
        await catalog.ledger.publish(upload(project))
        await catalog.ledger.publish(upload(project, "2.0"))

    projects = await catalog.journal.openings(["main"], "project", 2)
    versions = await catalog.journal.openings(["main"], "version", 3)
    assert [entry.project for entry in projects] == ["c", "b"]
    assert [(e.project, e.version) for e in versions] == [("c", "2.0"), ("c", "1.0"), ("b", "2.0")]


async def test_a_kept_page_begins_a_project(catalog: Catalog) -> None:
    """An upstream's project is new when its page was kept first, not when it changed."""
    await catalog.pages.keep("pypi", DEMO, kept(b"1"))
    await catalog.pages.keep("pypi", DEMO, kept(b"2", NOON + timedelta(days=1)))

    [entry] = await catalog.journal.openings(["pypi"], "project", 5)
    assert (entry.project, entry.at) == (DEMO, NOON)
    assert await catalog.journal.openings(["pypi"], "version", 5) == []


def over(*places: str) -> Ways:
    """An index over these, in that order; one of its own name is in none."""
    return Ways({"all": Index(name="all", sources=places)}, "all")


async def listed(catalog: Catalog, *places: str) -> list[tuple[ProjectName, int]]:
    """What is listed of all projects, which must be what is said of each of them."""
    ways = over(*places)
    found = await catalog.journal.survey(ways, list)
    names = {entry["project"] for entry in entries(catalog) if entry["project"]}
    said = await catalog.journal.standings(ways, names)
    assert {name: serial for name, serial in said.items() if serial is not None} == dict(found)
    assert set(said) == names
    return found


async def test_uploads_are_listed(catalog: Catalog) -> None:
    """A project with files is listed, by its newest entry's serial."""
    await catalog.ledger.publish(upload())
    await catalog.ledger.publish(upload(version="2.0"))

    assert await listed(catalog, "main") == [(DEMO, newest(catalog))]
    assert await listed(catalog, "team") == []
    assert await listed(catalog) == []


async def test_an_emptied_project_is_not_listed(catalog: Catalog) -> None:
    """A project whose files are all deleted is not listed, and hides an upstream's of its name."""
    await catalog.pages.keep("pypi", DEMO, kept())
    await catalog.ledger.publish(upload())
    await remove(catalog, "demo-1.0.tar.gz")

    assert await listed(catalog, "main") == []
    assert await listed(catalog, "main", "pypi") == []
    assert await listed(catalog, "pypi", "main") == [(DEMO, 1)]


async def test_a_kept_page_is_listed_until_it_is_gone(catalog: Catalog) -> None:
    """A project that its upstream has no more leaves the name to the next that owns it."""
    await catalog.pages.keep("pypi", DEMO, kept())
    await catalog.ledger.publish(upload())
    assert await listed(catalog, "pypi", "main") == [(DEMO, 1)]
    await catalog.pages.gone("pypi", DEMO, NOON)

    assert await listed(catalog, "pypi") == []
    assert await listed(catalog, "pypi", "main") == [(DEMO, 2)]


async def test_the_first_owner_decides(catalog: Catalog) -> None:
    """Of several places that own a name, the one asked first gives the serial."""
    await catalog.ledger.publish(upload())
    await catalog.ledger.publish(upload(index="team"))

    assert await listed(catalog, "main", "team") == [(DEMO, 1)]
    assert await listed(catalog, "team", "main") == [(DEMO, 2)]


async def test_only_who_may_answer_decides(catalog: Catalog) -> None:
    """A page that is kept of a source which a route passes over lists nothing."""
    await catalog.pages.keep("pypi", DEMO, kept())
    route = Route(projects=names(["d*"]), sources=("team",))
    main = Index(name="main", sources=("pypi",), routes=(route,))
    ways = Ways({"main": main, "team": Index(name="team")}, "main")
    assert await catalog.journal.survey(ways, list) == []
    assert await catalog.journal.standings(ways, [DEMO]) == {DEMO: None}

    await catalog.ledger.publish(upload(index="team"))
    assert await catalog.journal.survey(ways, list) == [(DEMO, newest(catalog))]


async def test_all_owners_of_a_merged_project_decide(catalog: Catalog) -> None:
    """The newest change of any owner counts, and what one has deleted another still shows."""
    await catalog.ledger.publish(upload())
    await catalog.pages.keep("pypi", DEMO, kept())
    main = Index(name="main", sources=("pypi",), merge=names([DEMO]))
    ways = Ways({"main": main}, "main")
    assert await catalog.journal.survey(ways, list) == [(DEMO, newest(catalog))]

    await remove(catalog, "demo-1.0.tar.gz")
    assert await catalog.journal.survey(ways, list) == [(DEMO, newest(catalog))]


async def test_projects_are_listed_by_character(catalog: Catalog) -> None:
    """The list of several places is one, sorted by character whatever a database's language."""
    for number, project in enumerate(("b", "a-z", "a0", "a", "ab", "a-1-x", "a-10")):
        await catalog.ledger.publish(upload(project, index=("main", "team")[number % 2]))

    names = [name for name, _ in await listed(catalog, "main", "team")]
    assert names == ["a", "a-1-x", "a-10", "a-z", "a0", "ab", "b"]


async def test_many_projects_are_asked_for(catalog: Catalog) -> None:
    """Of many names, however many, each is told of."""
    await catalog.ledger.publish(upload())
    names = [DEMO, *(ProjectName(f"p{number}") for number in range(1200))]

    found = await catalog.journal.standings(over("main"), names)
    assert [name for name, serial in found.items() if serial] == [DEMO]
    assert len(found) == 1201
    assert await catalog.journal.standings(over("main"), []) == {}


async def test_what_is_said_on_the_way_counts(catalog: Catalog) -> None:
    """A mark of an index that draws on the owner is a change to the project there."""
    await catalog.pages.keep("pypi", DEMO, kept())
    await catalog.stewardship.mark(part(version="1.0"), BOB, yanked=True)
    marked = newest(catalog)
    await catalog.stewardship.mark(part(version="1.0", index="team"), BOB, yanked=True)

    ways = Ways({"main": Index(name="main", sources=("pypi",))}, "main")
    assert await catalog.journal.survey(ways, list) == [(DEMO, marked)]
    assert await catalog.journal.standings(ways, [DEMO]) == {DEMO: marked}
    assert await listed(catalog, "pypi") == [(DEMO, 1)]


async def test_the_ledger_names_the_newest_entry(catalog: Catalog) -> None:
    """What an index holds and says of a project comes with the serial of the last change to it."""
    await catalog.ledger.publish(upload())
    assert (await catalog.ledger.own("main", DEMO)).serial == newest(catalog)
    await catalog.ledger.publish(upload("other"))
    await remove(catalog, "demo-1.0.tar.gz")
    deleted = newest(catalog)
    await catalog.ledger.publish(upload("other", "2.0"))

    assert (await catalog.ledger.own("main", DEMO)).serial == deleted
    assert (await catalog.ledger.own("team", DEMO)).serial == 0


async def test_what_was_before_an_instant(catalog: Catalog) -> None:
    """The newest serial older than an instant is where whoever asks by time begins."""
    for hour in range(3):
        await catalog.ledger.publish(upload(version=str(hour), uploaded_at=NOON + hour * HOUR))

    assert await catalog.journal.before(NOON) == 0
    assert await catalog.journal.before(NOON + HOUR) == 1
    assert await catalog.journal.before(NOON + 9 * HOUR) == 3


async def test_what_somebody_uploaded(catalog: Catalog) -> None:
    """Projects are found by who uploaded them, in the places asked for, each once."""
    await catalog.ledger.publish(upload("b"))
    await catalog.ledger.publish(upload("a"))
    await catalog.ledger.publish(upload("a", "2.0"))
    await catalog.ledger.publish(upload("c", uploaded_by="bob"))
    await catalog.ledger.publish(upload("d", index="team"))

    assert await catalog.journal.uploaded_by(["main"], "alice") == ["a", "b"]
    assert await catalog.journal.uploaded_by(["main", "team"], "alice") == ["a", "b", "d"]
    assert await catalog.journal.uploaded_by(["main"], "eve") == []


async def test_what_is_withheld_is_not_listed(catalog: Catalog) -> None:
    """What the first owner may not show is not listed, whoever else has it; merged, others are."""
    await catalog.pages.keep("pypi", DEMO, kept())
    await catalog.ledger.publish(upload())

    def without(hosted: set[bool], **more: Any) -> Ways:
        """Ways on which uploads are withheld, or what is an upstream's, or both."""
        ways = Ways({"main": Index(name="main", sources=("pypi",), **more)}, "main")
        return ways.without(lambda _, project, is_hosted: project == DEMO and is_hosted in hosted)

    merging = {"merge": names([DEMO])}
    cases = [(without({True}), None), (without({False}), 2), (without(set()), 2)]
    cases += [(without({True}, **merging), 2), (without({True, False}, **merging), None)]
    for ways, serial in cases:
        assert await catalog.journal.standings(ways, [DEMO]) == {DEMO: serial}
        assert await catalog.journal.survey(ways, list) == ([(DEMO, serial)] if serial else [])


async def test_rules_are_news_of_every_project(catalog: Catalog) -> None:
    """An index's rules are the newest change of all that is seen through it, and of no more."""
    indexes = {
        "main": Index(name="main", sources=("team",)),
        "team": Index(name="team", uploads=True),
    }
    main, team = Ways(indexes, "main"), Ways(indexes, "team")
    await catalog.ledger.publish(upload(index="team"))
    uploaded = newest(catalog)
    await catalog.policies.note({"main": "one"}, BOB)
    ruled = newest(catalog)

    assert await catalog.journal.survey(main, list) == [(DEMO, ruled)]
    assert await catalog.journal.standings(main, [DEMO]) == {DEMO: ruled}
    assert await catalog.journal.newest(main.places) == ruled
    assert (await catalog.ledger.own("main", DEMO)).serial == ruled
    assert await catalog.journal.survey(team, list) == [(DEMO, uploaded)]
    assert await catalog.journal.newest(team.places) == uploaded
    assert (await catalog.ledger.own("team", DEMO)).serial == uploaded
