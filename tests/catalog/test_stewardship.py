import asyncio
import json
from typing import Any

import pytest

from cloche.catalog import Catalog
from cloche.core.errors import FileExists, Forbidden, NoSuchFile
from cloche.core.marks import Marks, Yank
from cloche.core.model import Status
from cloche.ports import Deed
from tests.catalog.samples import DEMO, HOUR, NOON, entries, newest, part, remove, upload

pytestmark = pytest.mark.anyio

BOB = Deed(who="bob", at=NOON + HOUR, reason="broken")
FILE, WHEEL = "demo-1.0.tar.gz", "demo-1.0-py3-none-any.whl"
V1 = part(version="1.0")


async def yanked(catalog: Catalog) -> dict[str, tuple[bool, str]]:
    found = await catalog.ledger.files("main", DEMO)
    return {each.filename: (each.yanked, each.yanked_reason) for each in found}


async def marks(catalog: Catalog, index: str = "main") -> Marks:
    return (await catalog.ledger.own(index, DEMO)).marks


def last(catalog: Catalog) -> dict[str, Any]:
    """What the newest entry says, without what it says nothing of."""
    entry = {key: value for key, value in entries(catalog)[-1].items() if value is not None}
    return {**entry, "detail": json.loads(entry["detail"])}


async def test_a_version_is_yanked_and_unyanked(catalog: Catalog) -> None:
    """All live files of a version, and no others, are yanked with one reason; and taken back."""
    for filename, version in ((FILE, "1.0"), (WHEEL, "1.0"), ("demo-2.0.tar.gz", "2.0")):
        await catalog.ledger.publish(upload(version=version, filename=filename, said=filename))

    await catalog.stewardship.yank(V1, BOB, yanked=True)
    assert await yanked(catalog) == {
        FILE: (True, "broken"),
        WHEEL: (True, "broken"),
        "demo-2.0.tar.gz": (False, ""),
    }
    entry = last(catalog)
    assert (entry["action"], entry["who"], entry["at"]) == ("version yanked", "bob", NOON + HOUR)
    assert (entry["place"], entry["project"], entry["version"]) == ("main", "demo", "1.0")
    assert entry["detail"] == {"reason": "broken"}
    assert "filename" not in entry

    await catalog.stewardship.yank(V1, BOB, yanked=False)
    assert set((await yanked(catalog)).values()) == {(False, "")}
    assert last(catalog)["action"] == "version unyanked"


async def test_a_file_is_yanked_alone(catalog: Catalog) -> None:
    """One file can be yanked without its version, and the journal names it."""
    await catalog.ledger.publish(upload())
    await catalog.ledger.publish(upload(filename=WHEEL))

    await catalog.stewardship.yank(part(WHEEL), BOB, yanked=True)

    assert await yanked(catalog) == {FILE: (False, ""), WHEEL: (True, "broken")}
    entry = last(catalog)
    assert (entry["action"], entry["version"], entry["filename"]) == ("file yanked", "1.0", WHEEL)


async def test_what_changes_nothing_is_not_journaled(catalog: Catalog) -> None:
    """Saying again what is so already leaves the journal as it was."""
    await catalog.ledger.publish(upload())
    again = Deed(who="eve", at=NOON, reason="broken")
    steward = catalog.stewardship
    for deed, count in ((BOB, 4), (again, 4)):
        await steward.yank(V1, deed, yanked=True)
        await steward.mark(part(version="2.0"), deed, yanked=True)
        await steward.declare("main", DEMO, Status.ARCHIVED, deed)
        assert len(entries(catalog)) == count

    for _ in range(2):
        await steward.mark(part(version="2.0"), again, yanked=None)
        await steward.declare("main", DEMO, None, again)
        assert len(entries(catalog)) == 6


async def test_nothing_to_yank(catalog: Catalog) -> None:
    """What was never uploaded, or is deleted, cannot be yanked, and the refusal says what can."""
    await catalog.ledger.publish(upload())
    await remove(catalog, FILE)

    for missing in (V1, part(version="9"), part(FILE), part(FILE, index="team")):
        with pytest.raises(NoSuchFile, match="uploaded to index"):
            await catalog.stewardship.yank(missing, BOB, yanked=True)
    assert len(entries(catalog)) == 2


async def test_a_file_that_joins_a_yanked_version(catalog: Catalog) -> None:
    """A file of a version of which all is yanked is yanked from its upload on, no other is."""
    await catalog.ledger.publish(upload())
    await catalog.stewardship.yank(V1, BOB, yanked=True)

    await catalog.ledger.publish(upload(filename=WHEEL))
    await catalog.stewardship.yank(part(FILE), BOB, yanked=False)
    await catalog.ledger.publish(upload(filename="demo-1.0.zip"))
    await catalog.ledger.publish(upload(version="2.0"))

    assert [each[0] for each in (await yanked(catalog)).values()] == [False, True, False, False]


async def test_deleting_takes_every_file(catalog: Catalog) -> None:
    """A version's, then a project's files are deleted one by one, each with its entry."""
    for filename, version in ((FILE, "1.0"), (WHEEL, "1.0"), ("demo-2.0.tar.gz", "2.0")):
        await catalog.ledger.publish(upload(version=version, filename=filename, said=filename))

    assert await catalog.stewardship.delete(V1, BOB) == [FILE, WHEEL]
    assert list(await yanked(catalog)) == ["demo-2.0.tar.gz"]
    assert await catalog.stewardship.delete(part(), BOB) == ["demo-2.0.tar.gz"]

    journaled = entries(catalog)[3:]
    assert [e["filename"] for e in journaled] == [FILE, WHEEL, "demo-2.0.tar.gz"]
    assert {e["action"] for e in journaled} == {"file deleted"}
    assert json.loads(journaled[0]["detail"]) == {
        "sha256": upload(said=FILE).digest,
        "reason": "broken",
    }
    with pytest.raises(NoSuchFile):
        await catalog.stewardship.delete(part(), BOB)
    with pytest.raises(FileExists):
        await catalog.ledger.publish(upload(said="other"))


async def test_marks_on_what_a_source_has(catalog: Catalog) -> None:
    """A mark on a version takes the place of those on its files, and none is left at the end."""
    steward = catalog.stewardship
    await steward.mark(part(WHEEL), BOB, yanked=False)
    await steward.mark(part("demo-2.0.tar.gz"), BOB, yanked=True)
    await steward.mark(part("demo-1.0.zip", index="team"), BOB, yanked=True)
    assert set((await marks(catalog)).yanks) == {
        Yank(version="1.0", filename=WHEEL, yanked=False, reason="broken"),
        Yank(version="2.0", filename="demo-2.0.tar.gz", yanked=True, reason="broken"),
    }

    await steward.mark(V1, BOB, yanked=True)
    assert (
        Yank(version="1.0", filename="", yanked=True, reason="broken")
        in (await marks(catalog)).yanks
    )
    assert len((await marks(catalog)).yanks) == 2

    await steward.mark(V1, BOB, yanked=None)
    await steward.mark(part("demo-2.0.tar.gz"), BOB, yanked=None)
    own = await catalog.ledger.own("main", DEMO)
    assert (own.uploads, own.marks) == (None, Marks())
    assert len((await marks(catalog, "team")).yanks) == 1
    assert [e["action"] for e in entries(catalog)[-3:]] == [
        "version yanked",
        "version unyanked",
        "file unyanked",
    ]


async def test_marks_do_not_multiply_uploads(catalog: Catalog) -> None:
    """Own uploads are there once each, whatever was said of the project before them."""
    for version in ("1.0", "2.0"):
        await catalog.stewardship.mark(part(version=version), BOB, yanked=True)
        await catalog.ledger.publish(upload(version=version))
    await catalog.stewardship.declare("main", DEMO, Status.DEPRECATED, BOB)

    own = await catalog.ledger.own("main", DEMO)

    assert own.uploads == (upload(), upload(version="2.0"))
    assert own.marks.status is Status.DEPRECATED
    assert sorted(yank.version for yank in own.marks.yanks) == ["1.0", "2.0"]


async def test_a_status_is_declared(catalog: Catalog) -> None:
    """A project's status is the index's last word, and the journal has all of them."""
    await catalog.stewardship.declare("main", DEMO, Status.QUARANTINED, BOB)
    assert await marks(catalog) == Marks(status=Status.QUARANTINED, reason="broken")
    assert not await marks(catalog, "team")
    entry = last(catalog)
    assert (entry["action"], entry["who"]) == ("status changed", "bob")
    assert entry["detail"] == {"status": "quarantined", "reason": "broken"}

    await catalog.stewardship.declare("main", DEMO, Status.ACTIVE, BOB)
    assert (await marks(catalog)).status is Status.ACTIVE

    await catalog.stewardship.declare("main", DEMO, None, BOB)
    assert not await marks(catalog)
    assert last(catalog)["action"] == "status removed"


@pytest.mark.parametrize("status", list(Status))
async def test_uploads_are_refused_by_status(catalog: Catalog, status: Status) -> None:
    """Archived and quarantined projects take no uploads, with cause and cure; others do."""
    await catalog.ledger.publish(upload())
    await catalog.stewardship.declare("main", DEMO, status, BOB)
    before = newest(catalog)

    if status in {Status.ARCHIVED, Status.QUARANTINED}:
        with pytest.raises(Forbidden, match=rf"demo is {status} .*broken.*`cloche status demo"):
            await catalog.ledger.publish(upload(version="2.0"))
        assert newest(catalog) == before
    else:
        assert await catalog.ledger.publish(upload(version="2.0"))
    assert not await catalog.ledger.publish(upload())  # what is there already changes nothing
    assert await catalog.ledger.publish(upload(version="2.0", index="team"))


async def test_the_journal_of_a_project(catalog: Catalog) -> None:
    """A project's entries in one index come in order, so many at a time, after a serial."""
    await catalog.ledger.publish(upload())
    await catalog.ledger.publish(upload(index="team"))
    await catalog.ledger.publish(upload("other"))
    await catalog.stewardship.yank(V1, BOB, yanked=True)
    await catalog.stewardship.declare("main", DEMO, Status.ARCHIVED, BOB)

    first, second, third = await catalog.stewardship.journal("main", DEMO, 0, 10)

    assert (first.action, first.who, first.filename) == ("file uploaded", "alice", FILE)
    assert first.detail["sha256"] == upload().digest
    assert (second.action, second.who, second.at) == ("version yanked", "bob", NOON + HOUR)
    assert (second.version, second.detail) == ("1.0", {"reason": "broken"})
    assert third.detail["status"] == "archived"
    assert first.serial < second.serial < third.serial
    assert await catalog.stewardship.journal("main", DEMO, first.serial, 1) == [second]
    assert await catalog.stewardship.journal("main", DEMO, third.serial, 1) == []


async def test_uploading_while_archiving(catalog: Catalog, other: Catalog) -> None:
    """When a project's archiving has been recorded, no upload is recorded after it."""
    await catalog.ledger.publish(upload())
    tries = [other.ledger.publish(upload(version=f"{number}.1")) for number in range(8)]
    await asyncio.gather(
        *tries[:4],
        catalog.stewardship.declare("main", DEMO, Status.ARCHIVED, BOB),
        *tries[4:],
        return_exceptions=True,
    )

    actions = [entry["action"] for entry in entries(catalog)]
    assert actions[-1] == "status changed"
    assert len(await catalog.ledger.files("main", DEMO)) == actions.count("file uploaded")
