"""The catalog as it was: what was true at a serial is told of it for ever."""

import random
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from cloche.catalog import Catalog
from cloche.catalog.pages import OLDER
from cloche.core.backfill import Bytes
from cloche.core.errors import Error
from cloche.core.marks import Marks, Part
from cloche.core.model import ProjectName, Status
from cloche.core.policy import Admission
from cloche.ports import Copy, Deed, Own
from tests.catalog.samples import DEMO, HOUR, NOON, entries, held, kept, newest, part, upload

pytestmark = pytest.mark.anyio

ROUNDS = 60
OTHER = ProjectName("other")


def plain(own: Own) -> Own:
    """Marks have no order."""
    yanks = tuple(sorted(own.marks.yanks, key=lambda each: (each.version, each.filename)))
    return replace(own, marks=replace(own.marks, yanks=yanks))


class Deeds:
    """Somebody who does one thing after another, at random, each a minute later."""

    def __init__(self, catalog: Catalog, seed: int) -> None:
        self.catalog = catalog
        self.chance = random.Random(seed)  # noqa: S311 - what happens must be the same each time
        self.now = NOON
        self.hosted = False  # whether project demo is the index's own from the beginning

    @property
    def deed(self) -> Deed:
        return Deed(who="bob", at=self.now, reason=self.chance.choice(["", "bad", "worse"]))

    def part(self) -> Part:
        version = self.chance.choice(["1.0", "2.0"])
        if self.chance.random() < 0.5:
            return part(version=version)
        return part(f"demo-{version}.{self.chance.choice(['tar.gz', 'zip'])}")

    async def something(self) -> None:
        self.now += timedelta(minutes=1)
        await self.chance.choice([self.upload, self.yank, self.unyank, self.delete, self.status])()

    async def upload(self) -> None:
        if not self.hosted:
            return
        chosen = self.part()
        version = chosen.version or str(chosen.filename)[5:8]
        name = chosen.filename or f"demo-{version}.tar.gz"
        await self.catalog.ledger.publish(
            upload(version=version, filename=name, said=name, uploaded_at=self.now)
        )

    async def yank(self) -> None:
        await self._yank(yanked=True)

    async def unyank(self) -> None:
        await self._yank(yanked=False)

    async def _yank(self, *, yanked: bool) -> None:
        chosen, steward = self.part(), self.catalog.stewardship
        if (await self.catalog.ledger.own("main", DEMO)).uploads:
            await steward.yank(chosen, self.deed, yanked=yanked)
        elif not self.hosted:
            word = yanked or self.chance.choice([False, None])
            await steward.mark(chosen, self.deed, yanked=word)

    async def delete(self) -> None:
        await self.catalog.stewardship.delete(self.part(), self.deed)

    async def status(self) -> None:
        status = self.chance.choice([None, Status.ACTIVE, Status.DEPRECATED])
        await self.catalog.stewardship.declare("main", DEMO, status, self.deed)


@pytest.mark.parametrize("hosted", [True, False], ids=["own uploads", "marks"])
@pytest.mark.parametrize("seed", range(4))
async def test_what_an_index_has_is_what_it_had(
    catalog: Catalog, seed: int, *, hosted: bool
) -> None:
    """After each of many deeds, the past at every serial is what the ledger said then."""
    somebody = Deeds(catalog, seed)
    somebody.hosted = hosted
    said: dict[int, Own] = {0: await catalog.ledger.own("main", DEMO)}
    for _ in range(ROUNDS):
        try:
            await somebody.something()
        except Error:
            continue  # nothing of that name is there
        said[newest(catalog)] = await catalog.ledger.own("main", DEMO)

    assert len(said) > 10
    for serial, own in said.items():
        assert plain(await catalog.chronicle.own(serial, "main", DEMO)) == plain(own)


async def test_an_upload_that_arrives_yanked(catalog: Catalog) -> None:
    """What goes on from another index keeps its yank, and had it from its first serial on."""
    came = upload(yanked=True, yanked_reason="broken", uploaded_at=NOON - HOUR)
    copy = Copy(upload=came, source="team", hosted=False)
    await catalog.promotion.push([copy], Deed(who="bob", at=NOON), dry=False)
    said = await catalog.ledger.own("main", DEMO)
    await catalog.stewardship.yank(part(version="1.0"), Deed(who="bob", at=NOON), yanked=False)

    assert await catalog.chronicle.own(1, "main", DEMO) == said
    assert said.uploads == (came,)


async def test_the_names_that_were_there(catalog: Catalog) -> None:
    """A project is listed from its first upload to its last deletion, and only where it was."""
    await catalog.ledger.publish(upload())
    await catalog.ledger.publish(upload("other"))
    await catalog.stewardship.delete(part("demo-1.0.tar.gz"), Deed(who="bob", at=NOON))
    await catalog.ledger.publish(upload(index="team"))

    listed = [await catalog.chronicle.uploaded(serial, "main") for serial in range(5)]

    assert listed == [[], [DEMO], [DEMO, OTHER], [OTHER], [OTHER]]
    assert await catalog.chronicle.uploaded(4, "team") == [DEMO]


async def test_a_page_that_came_back(catalog: Catalog) -> None:
    """A content that is there again, after another or after none, is told of each time."""
    for hours, body in enumerate([b"one", b"two", b"one", None, b"two"], 1):
        at = NOON + hours * HOUR
        if body is None:
            await catalog.pages.gone("pypi", DEMO, at)
        else:
            await catalog.pages.keep("pypi", DEMO, kept(body, at))

    found = [await catalog.chronicle.page(serial, "pypi", DEMO) for serial in range(6)]

    assert [each.sighting for each in found] == ["later", "seen", "seen", "seen", "gone", "seen"]
    bodies = [each.kept.document.body if each.kept else None for each in found]
    assert bodies == [b"one", b"one", b"two", b"one", None, b"two"]
    assert [each.kept.serial if each.kept else None for each in found] == [0, 1, 2, 3, None, 5]
    assert [await catalog.chronicle.mirrored(n, "pypi") for n in range(6)] == [
        [], [DEMO], [DEMO], [DEMO], [], [DEMO],
    ]  # fmt: skip
    assert (await catalog.chronicle.page(5, "other", DEMO)).sighting == "never"


async def test_pages_that_are_kept_no_more(catalog: Catalog) -> None:
    """Of more pages than are kept the first and the newest are told, and that others are lost."""
    for number in range(OLDER + 5):
        at = NOON + number * HOUR
        await catalog.pages.keep("pypi", DEMO, kept(b"page %d" % number, at))

    async def sighting(serial: int) -> str:
        return (await catalog.chronicle.page(serial, "pypi", DEMO)).sighting

    assert [await sighting(serial) for serial in (1, 2, 3, 4, 5)] == [
        "seen", "lost", "lost", "lost", "seen",
    ]  # fmt: skip
    first = (await catalog.chronicle.page(0, "pypi", DEMO)).kept
    assert first is not None
    assert first.document.body == b"page 0"


async def test_what_had_been_learned(catalog: Catalog) -> None:
    """Digest and size of a file are told from the moment at which they were found out."""
    await catalog.pages.keep("pypi", DEMO, kept())
    one = held()
    await catalog.pages.hold(one, news=True)

    assert await catalog.chronicle.learned(1, "pypi", DEMO) == {}
    assert await catalog.chronicle.learned(2, "pypi", DEMO) == {
        (one.key, one.filename): Bytes(one.digest, one.size)
    }
    assert await catalog.chronicle.learned(2, "pypi", DEMO) == await catalog.findings.kept(
        "pypi", DEMO
    )


async def test_how_far_the_journal_has_come(catalog: Catalog) -> None:
    """A serial has the time of its entry; one that is still to come has none."""
    await catalog.ledger.publish(upload(uploaded_at=NOON + HOUR))

    assert await catalog.chronicle.reached(1) == NOON + HOUR
    assert await catalog.chronicle.reached(2) is None
    assert len(entries(catalog)) == 1


async def test_what_was_let_past_the_rules(catalog: Catalog) -> None:
    """An admission is there from its entry on, and in no time once somebody has ended it."""
    until = NOON + 24 * HOUR
    one, two = (
        Admission(part=part(version=version), who="ann", reason="urgent", until=until)
        for version in ("1.0", "2.0")
    )
    await catalog.admissions.admit(one, NOON)
    second = (await catalog.admissions.admit(two, NOON)).serial

    async def let(serial: int) -> tuple[Admission, ...]:
        return (await catalog.chronicle.own(serial, "main", DEMO)).admissions

    assert [await let(serial) for serial in (0, 1, 2)] == [(), (one,), (one, two)]
    await catalog.admissions.end("main", second, Deed(who="ann", at=NOON + HOUR))
    assert [await let(serial) for serial in (0, 1, 2)] == [(), (one,), (one,)]


async def test_nothing_was_there_before_the_first_entry(catalog: Catalog) -> None:
    """An index without a word in its journal has nothing, and says nothing."""
    assert await catalog.chronicle.own(0, "main", DEMO) == Own(uploads=None, marks=Marks())


async def test_a_plain_mark_of_an_older_journal(catalog: Catalog) -> None:
    """A yank of a source's file without the word of what it is counts as one."""
    act: Callable[..., Awaitable[None]] = catalog.stewardship.mark
    await act(part(version="1.0"), Deed(who="bob", at=NOON), yanked=True)
    with catalog.database.writing() as connection:
        connection.exec_driver_sql("UPDATE journal SET detail = '{}'")

    (yank,) = (await catalog.chronicle.own(1, "main", DEMO)).marks.yanks
    assert (yank.version, yank.yanked) == ("1.0", True)
