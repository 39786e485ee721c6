"""An index that does what another did: on either database, step by step, exactly once."""

import itertools
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select

from cloche.catalog import Catalog, connect
from cloche.catalog.schema import admissions, documentation, journal, statuses, uploads, yanks
from cloche.core.errors import BadRequest, FileExists, Follows, OtherJournal
from cloche.core.following import FOLLOWED, Position, checked
from cloche.core.marks import Part
from cloche.core.model import DocFile, ProjectName, Status
from cloche.core.policy import Admission
from cloche.ports import Copy, Deed
from tests.catalog.samples import DEMO, HOUR, NOON, newest, part, remove, sha256, upload

pytestmark = pytest.mark.anyio

DEED = Deed(who="bob", at=NOON + HOUR, reason="because")
LATER = NOON + timedelta(days=1)
URL = "http://primary/main/"


@pytest.fixture
async def replica(tmp_path: Path) -> AsyncIterator[Catalog]:
    """The data of the server that follows."""
    opened = connect(f"sqlite:///{tmp_path}/replica.db")
    await opened.pursuits.begin("main", "primary", URL, NOON)
    yield opened
    await opened.close()


def rows(catalog: Catalog) -> dict[str, list[dict[str, Any]]]:
    """All that the ledger has, but for its own numbers."""
    found = {}
    with catalog.database.reading() as connection:
        for table in (uploads, statuses, yanks, documentation, admissions):
            said = [row._asdict() for row in connection.execute(select(table))]
            for row in said:
                row.pop("serial", None)
            found[table.name] = sorted(said, key=str)
    return found


def history(catalog: Catalog, index: str = "main") -> list[tuple[Any, ...]]:
    of = (journal.c.at, journal.c.who, journal.c.action, journal.c.project, journal.c.filename)
    query = select(*of).where(journal.c.place == index).order_by(journal.c.serial)
    with catalog.database.reading() as connection:
        return [tuple(row) for row in connection.execute(query)]


async def follow(
    catalog: Catalog, replica: Catalog, most: int = 100, since: Position | None = None
) -> Position:
    """Do all that is to be done, and return how far that is."""
    while True:
        stretch = await catalog.followable.stretch("main", since, most, LATER)
        checked(stretch, since.serial if since else 0, "primary")
        reached = await replica.pursuits.advance("main", since, stretch.steps, stretch, LATER)
        assert reached == stretch.reached
        since = reached
        if reached.serial == stretch.newest:
            return reached


async def live(catalog: Catalog) -> None:
    """Everything that can happen to an index, and something of another one."""
    wheel = "demo-2.0-py3-none-any.whl"
    await catalog.ledger.publish(upload())
    await catalog.ledger.publish(upload(index="team", said="other"))
    await catalog.ledger.publish(upload(version="2.0", said="two", signature=sha256("asc")))
    await catalog.stewardship.yank(part(version="1.0"), DEED, yanked=True)
    joining = upload(filename="demo-1.0-py3-none-any.whl", said="joins", filetype="bdist_wheel")
    await catalog.ledger.publish(joining)
    await catalog.stewardship.yank(part("demo-1.0.tar.gz"), DEED, yanked=False)
    await catalog.stewardship.mark(part(version="9"), DEED, yanked=True)
    await catalog.stewardship.mark(part(version="7"), DEED, yanked=False)
    await catalog.stewardship.mark(part("demo-9-py3-none-any.whl"), DEED, yanked=False)
    await catalog.stewardship.mark(part("demo-8.tar.gz"), DEED, yanked=True)
    await catalog.stewardship.mark(part("demo-8.tar.gz"), DEED, yanked=None)
    pushed = upload(version="2.0", filename=wheel, said="pushed", first_index="dev", yanked=True)
    copy = Copy(upload=pushed, source="dev", hosted=False)
    await catalog.promotion.push([copy], DEED, dry=False)
    await remove(catalog, "demo-2.0.tar.gz")
    await catalog.ledger.publish(upload("gone", said="gone"))
    await remove(catalog, "gone-1.0.tar.gz")
    await catalog.ledger.publish(upload("back", said="back"))
    await remove(catalog, "back-1.0.tar.gz")
    await catalog.ledger.publish(upload("back", said="back", uploaded_by="carol"))
    await catalog.stewardship.declare("main", DEMO, Status.ARCHIVED, DEED)
    await catalog.stewardship.declare("main", ProjectName("gone"), Status.DEPRECATED, DEED)
    await catalog.stewardship.declare("main", ProjectName("gone"), None, DEED)
    for said in ("old", "new"):
        files = [DocFile(path=f"{said}.html", digest=sha256(said), size=3)]
        await catalog.documentation.replace("main", DEMO, files, at=NOON, who="ann")
    made = [
        await catalog.admissions.admit(
            Admission(
                part=Part(index="main", project=DEMO, version=version),
                who="ann",
                reason="needed",
                until=LATER + HOUR,
                rule="cooldown",
            ),
            at,
        )
        for version, at in (("1.0", NOON), ("2.0", NOON + HOUR))
    ]
    await catalog.admissions.end("main", made[1].serial, Deed(who="bob", at=NOON + 3 * HOUR))


@pytest.mark.parametrize("most", [1, 3, 100])
async def test_all_that_happened_happens(catalog: Catalog, replica: Catalog, most: int) -> None:
    """Whoever follows has the same rows and the same history in the end, however it is cut."""
    await live(catalog)

    reached = await follow(catalog, replica, most)

    wanted = rows(catalog)
    wanted["uploads"] = [row for row in wanted["uploads"] if row["index_name"] == "main"]
    assert rows(replica) == wanted
    assert history(replica) == history(catalog)
    assert {entry[2] for entry in history(replica)} >= FOLLOWED, "a kind that nobody has tried"
    assert reached.serial == newest(catalog)
    [pursuit] = await replica.pursuits.all()
    assert (pursuit.position, pursuit.behind, pursuit.level_at) == (reached, 0, LATER)


async def test_what_a_past_moment_shows(catalog: Catalog, replica: Catalog) -> None:
    """The past is the same, too: each step is an entry of its own."""
    await live(catalog)
    await follow(catalog, replica)

    def seen(catalog: Catalog) -> Callable[[int], Any]:
        return lambda serial: catalog.chronicle.own(serial, "main", DEMO)

    ours = [row[0] for row in _serials(replica)]
    theirs = [row[0] for row in _serials(catalog)]
    for mine, other in itertools.zip_longest(ours, theirs):
        here, there = await seen(replica)(mine), await seen(catalog)(other)
        assert (here.uploads, here.marks) == (there.uploads, there.marks)


def _serials(catalog: Catalog) -> list[Any]:
    query = select(journal.c.serial).where(journal.c.place == "main").order_by(journal.c.serial)
    with catalog.database.reading() as connection:
        return list(connection.execute(query))


async def test_no_step_is_done_twice(catalog: Catalog, replica: Catalog, tmp_path: Path) -> None:
    """Two who follow for the same index do each step once; who is late does nothing."""
    await catalog.ledger.publish(upload())
    stretch = await catalog.followable.stretch("main", None, 10, NOON)
    other = connect(f"sqlite:///{tmp_path}/replica.db")

    done = [
        await each.pursuits.advance("main", None, stretch.steps, stretch, NOON)
        for each in (replica, other)
    ]
    await other.close()

    assert done == [stretch.reached, None]
    assert len(history(replica)) == 1


async def test_within_a_stretch(catalog: Catalog, replica: Catalog) -> None:
    """Some of its steps may be done before the others; it goes on exactly there."""
    for number in range(4):
        await catalog.ledger.publish(upload(version=f"{number}.0", said=f"{number}"))
    stretch = await catalog.followable.stretch("main", None, 10, NOON)

    reached = await replica.pursuits.advance("main", None, stretch.steps[:2], stretch, NOON)

    assert reached is not None
    assert reached.serial == stretch.steps[1].serial
    [pursuit] = await replica.pursuits.all()
    assert (pursuit.behind, pursuit.level_at) == (2, None)
    await follow(catalog, replica, since=reached)
    assert rows(replica) == rows(catalog)


async def test_nobody_else_changes_it(catalog: Catalog, replica: Catalog) -> None:
    """Whatever would change an index that follows is refused, and says where to do it."""
    await catalog.ledger.publish(upload())
    await follow(catalog, replica)
    admission = Admission(part=part(version="1.0"), who="a", reason="", until=LATER)
    docs = [DocFile(path="index.html", digest=sha256("x"), size=1)]
    copy = Copy(upload=upload("third"), source="dev", hosted=False)
    before = rows(replica)

    for attempt in (
        replica.ledger.publish(upload("other")),
        replica.stewardship.yank(part(version="1.0"), DEED, yanked=True),
        replica.stewardship.mark(part(version="7"), DEED, yanked=True),
        replica.stewardship.delete(part("demo-1.0.tar.gz"), DEED),
        replica.stewardship.declare("main", DEMO, Status.ARCHIVED, DEED),
        replica.documentation.replace("main", DEMO, docs, at=NOON, who="a"),
        replica.admissions.admit(admission, NOON),
        replica.promotion.push([copy], DEED, dry=False),
    ):
        with pytest.raises(Follows, match=URL):
            await attempt

    assert rows(replica) == before
    assert await replica.ledger.publish(upload(index="team"))


async def test_promoted(catalog: Catalog, replica: Catalog) -> None:
    """From then on the index takes changes of its own, and none of the other server's."""
    await catalog.ledger.publish(upload())
    reached = await follow(catalog, replica)
    promoted = await replica.pursuits.promote("main", DEED)

    assert (promoted.promoted_at, promoted.promoted_by) == (DEED.at, "bob")
    assert await replica.ledger.publish(upload("own"))
    await catalog.ledger.publish(upload("late"))
    stretch = await catalog.followable.stretch("main", reached, 10, NOON)
    assert stretch.steps
    done = await replica.pursuits.advance("main", reached, stretch.steps, stretch, NOON)
    assert done is None
    assert await replica.pursuits.take("main", "a", NOON, LATER) is None
    again = await replica.pursuits.begin("main", "primary", URL, LATER)
    assert again.promoted_at == DEED.at
    assert history(replica)[1][:3] == (DEED.at, "bob", "promoted")
    for index in ("main", "team"):
        with pytest.raises(BadRequest):
            await replica.pursuits.promote(index, DEED)


async def test_an_index_with_a_life_of_its_own(catalog: Catalog, replica: Catalog) -> None:
    """What another server has is never mixed with what an index has already."""
    await replica.ledger.publish(upload(index="team"))
    await replica.pursuits.begin("team", "primary", URL, NOON)
    await catalog.ledger.publish(upload("new"))
    stretch = await catalog.followable.stretch("main", None, 10, NOON)

    with pytest.raises(OtherJournal, match="1 uploads of its own"):
        await replica.pursuits.advance("team", None, stretch.steps, stretch, NOON)

    assert len(rows(replica)["uploads"]) == 1
    with pytest.raises(Follows):
        await replica.ledger.publish(upload("more", index="team"))


async def test_a_journal_that_was_set_back(catalog: Catalog, replica: Catalog) -> None:
    """A journal without what was followed is another: shorter, or grown again in another way."""
    for number in range(3):
        await catalog.ledger.publish(upload(version=f"{number}.0", said=f"{number}"))
    reached = await follow(catalog, replica)
    with catalog.database.writing() as connection:
        last = connection.execute(select(journal).where(journal.c.serial == reached.serial)).one()
        connection.execute(delete(uploads).where(uploads.c.serial == reached.serial))
        connection.execute(delete(journal).where(journal.c.serial == reached.serial))
    with pytest.raises(OtherJournal, match="backup"):
        await catalog.followable.stretch("main", reached, 10, NOON)
    with pytest.raises(OtherJournal, match="backup"):
        await catalog.followable.newest(reached)

    with catalog.database.writing() as connection:
        connection.execute(insert(journal), last._asdict() | {"who": "somebody else"})
    with pytest.raises(OtherJournal, match="backup"):
        await catalog.followable.stretch("main", reached, 10, NOON)
    with catalog.database.writing() as connection:
        connection.execute(delete(journal).where(journal.c.serial == reached.serial))
        connection.execute(insert(journal), last._asdict())
    assert (await catalog.followable.stretch("main", reached, 10, NOON)).steps == ()
    assert await catalog.followable.newest(reached) == reached


async def test_other_data(catalog: Catalog, replica: Catalog) -> None:
    """Each store has a name that lasts, and what follows one does not follow another."""
    first = await catalog.followable.stretch("main", None, 10, NOON)
    again = await catalog.followable.stretch("main", first.reached, 10, NOON)
    assert again.reached.store == first.reached.store

    with pytest.raises(OtherJournal, match="other data"):
        await replica.followable.stretch("main", first.reached, 10, NOON)


async def test_two_processes_agree_on_the_name(catalog: Catalog, other: Catalog) -> None:
    """Whoever asks first, the name is one."""
    found = [await each.followable.stretch("main", None, 10, NOON) for each in (catalog, other)]
    assert found[0].reached == found[1].reached


async def test_what_may_be_fetched(catalog: Catalog) -> None:
    """Bytes belong to the index that has them: others' are not told."""
    mine = upload(signature=sha256("asc"), provenance=sha256("provenance"))
    docs = [DocFile(path="index.html", digest=sha256("page"), size=1)]
    await catalog.ledger.publish(mine)
    await catalog.ledger.publish(upload("other", said="theirs", index="team"))
    await catalog.documentation.replace("main", DEMO, docs, at=NOON, who="a")
    await remove(catalog, "demo-1.0.tar.gz")

    for each in (mine.digest, mine.metadata, mine.signature, mine.provenance, docs[0].digest):
        assert each is not None
        assert await catalog.followable.has("main", each)
        assert not await catalog.followable.has("team", each)
    assert not await catalog.followable.has("main", sha256("theirs"))


async def test_one_node_follows(catalog: Catalog, other: Catalog) -> None:
    """While one has it no other gets it; when its time is over another does."""
    soon = NOON + timedelta(seconds=30)
    await catalog.pursuits.begin("main", "primary", URL, NOON)
    assert await catalog.pursuits.take("main", "a", NOON, soon)
    assert await other.pursuits.take("main", "b", NOON, soon) is None
    assert await catalog.pursuits.take("main", "a", NOON, soon)

    found = await other.pursuits.take("main", "b", soon, soon + HOUR)
    assert found is not None
    [pursuit] = await catalog.pursuits.all()
    assert pursuit.holder == "b"
    assert await catalog.pursuits.take("team", "a", NOON, soon) is None


async def test_trouble_is_remembered(catalog: Catalog, replica: Catalog) -> None:
    """What keeps it from going on is known until it goes on."""
    await replica.pursuits.fail("main", "it is down")
    assert (await replica.pursuits.all())[0].trouble == "it is down"
    await catalog.ledger.publish(upload())
    await follow(catalog, replica)
    assert (await replica.pursuits.all())[0].trouble is None


async def test_bytes_that_differ(catalog: Catalog, replica: Catalog) -> None:
    """A name means the same bytes for ever, after promotion as well."""
    await catalog.ledger.publish(upload())
    await follow(catalog, replica)
    await replica.pursuits.promote("main", DEED)
    with pytest.raises(FileExists):
        await replica.ledger.publish(upload(said="others"))
