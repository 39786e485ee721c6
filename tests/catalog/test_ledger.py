import asyncio

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, event, insert
from sqlalchemy.exc import IntegrityError

from cloche.catalog import Catalog, connect
from cloche.catalog.schema import journal, uploads
from cloche.core.errors import FileExists, Forbidden, NoSuchFile, NoSuchProject, StorageDown
from cloche.core.model import ProjectName, Status, Upload
from cloche.ports import Changes, Deed
from tests.catalog.processes import publish_ten, together
from tests.catalog.samples import DEMO, NOON, entries, newest, remove, upload
from tests.service.full_disk import room_for

pytestmark = pytest.mark.anyio

A, B = ProjectName("a"), ProjectName("b")


async def test_upload_is_listed_as_published(catalog: Catalog) -> None:
    """What was published is listed with every one of its facts."""
    plain = upload()
    rare = upload(
        version="2.0", metadata=None, requires_python=None, yanked=True, yanked_reason="b"
    )

    assert await catalog.ledger.publish(plain)
    assert await catalog.ledger.publish(rare)

    assert await catalog.ledger.files("main", DEMO) == [plain, rare]


async def test_publishing_is_journaled(catalog: Catalog) -> None:
    """An upload's journal entry says who published what, where and when."""
    await catalog.ledger.publish(upload())

    [entry] = entries(catalog)
    assert (entry["action"], entry["who"], entry["at"]) == ("file uploaded", "alice", NOON)
    assert (entry["place"], entry["project"], entry["version"]) == ("main", "demo", "1.0")
    assert entry["filename"] == "demo-1.0.tar.gz"
    assert upload().digest in entry["detail"]


async def test_same_bytes_again_change_nothing(catalog: Catalog) -> None:
    """The same bytes under the same name are there already, which is no event."""
    await catalog.ledger.publish(upload())

    assert not await catalog.ledger.publish(upload(uploaded_by="bob"))

    assert await catalog.ledger.files("main", DEMO) == [upload()]
    assert len(entries(catalog)) == 1


async def test_other_bytes_are_refused(catalog: Catalog) -> None:
    """A filename is taken by its first bytes, and the refusal says which and what to do."""
    await catalog.ledger.publish(upload())

    with pytest.raises(FileExists, match=r"^File already exists.*demo-1\.0.*new version"):
        await catalog.ledger.publish(upload(said="other"))

    assert await catalog.ledger.files("main", DEMO) == [upload()]
    assert len(entries(catalog)) == 1


async def test_another_spelling_is_refused(catalog: Catalog) -> None:
    """A file has one name: another spelling of it has to wait until it is deleted."""
    await catalog.ledger.publish(upload())
    respelt = upload(filename="Demo-1.0.tar.gz")

    with pytest.raises(
        FileExists, match=r"^File already exists: Demo-.* spelling of demo-1\.0\.tar"
    ):
        await catalog.ledger.publish(respelt)
    assert await catalog.ledger.publish(upload(filename="demo-1.0.zip"))
    await remove(catalog, "demo-1.0.tar.gz")
    assert await catalog.ledger.publish(respelt)

    found = await catalog.ledger.files("main", DEMO)
    assert [each.filename for each in found] == ["demo-1.0.zip", "Demo-1.0.tar.gz"]


async def test_indexes_are_strangers(catalog: Catalog) -> None:
    """One filename may hold other bytes in another index."""
    elsewhere = upload(index="team/dev", said="other")
    await catalog.ledger.publish(upload())

    assert await catalog.ledger.publish(elsewhere)

    assert await catalog.ledger.files("team/dev", DEMO) == [elsewhere]
    assert await catalog.ledger.files("main", DEMO) == [upload()]


async def test_deleted_name_stays_taken(catalog: Catalog) -> None:
    """A deleted file's bytes may come back under its name, other bytes never."""
    await catalog.ledger.publish(upload())
    await remove(catalog, "demo-1.0.tar.gz")

    with pytest.raises(FileExists):
        await catalog.ledger.publish(upload(said="other"))
    again = upload(uploaded_by="carol")
    assert await catalog.ledger.publish(again)

    assert await catalog.ledger.files("main", DEMO) == [again]


async def test_deleting_is_journaled(catalog: Catalog) -> None:
    """A deletion's journal entry says who deleted what."""
    await catalog.ledger.publish(upload())

    await remove(catalog, "demo-1.0.tar.gz")

    entry = entries(catalog)[-1]
    assert (entry["action"], entry["who"]) == ("file deleted", "bob")
    assert (entry["project"], entry["filename"]) == ("demo", "demo-1.0.tar.gz")


async def test_deleting_nothing(catalog: Catalog) -> None:
    """What is not there, or not any more, cannot be deleted."""
    await catalog.ledger.publish(upload())
    await remove(catalog, "demo-1.0.tar.gz")

    for index, filename in [
        ("main", "demo-1.0.tar.gz"),
        ("main", "demo-2.0.tar.gz"),
        ("team", "demo-1.0.tar.gz"),
    ]:
        with pytest.raises(NoSuchFile):
            await remove(catalog, filename, index)


async def test_emptied_project_stays_owned(catalog: Catalog) -> None:
    """A project all of whose files were deleted is listed no more, which is not being unknown."""
    await catalog.ledger.publish(upload())
    await remove(catalog, "demo-1.0.tar.gz")

    assert await catalog.ledger.files("main", DEMO) == []
    assert (await catalog.ledger.own("main", DEMO)).uploads == ()
    assert await catalog.ledger.projects("main") == []


async def test_project_without_uploads_is_unknown(catalog: Catalog) -> None:
    """An index knows only the projects that were uploaded to it."""
    await catalog.ledger.publish(upload())

    with pytest.raises(NoSuchProject, match=r"demo.*team"):
        await catalog.ledger.files("team", DEMO)
    with pytest.raises(NoSuchProject):
        await catalog.ledger.files("main", ProjectName("other"))


async def test_files_are_in_order_of_upload(catalog: Catalog) -> None:
    """Files are listed as they came, and one that came back is the newest."""
    for version in ("3", "1", "2"):
        await catalog.ledger.publish(upload(version=version))
    await remove(catalog, "demo-3.tar.gz")
    await catalog.ledger.publish(upload(version="3"))

    files = await catalog.ledger.files("main", DEMO)

    assert [file.version for file in files] == ["1", "2", "3"]


async def test_projects_are_sorted(catalog: Catalog) -> None:
    """An index's projects are sorted by character, each one once."""
    for project in ("b", "a-z", "a", "ab"):
        await catalog.ledger.publish(upload(project))
    await catalog.ledger.publish(upload("b", "2.0"))
    await catalog.ledger.publish(upload("elsewhere", index="team"))

    assert await catalog.ledger.projects("main") == ["a", "a-z", "ab", "b"]
    assert await catalog.ledger.projects("nowhere") == []


async def test_changes_name_the_projects_since(catalog: Catalog) -> None:
    """Changes are where which projects were journaled after a serial, each with its newest."""
    assert await catalog.ledger.changes(0) == Changes(0, {})
    await catalog.ledger.publish(upload("a"))
    first = await catalog.ledger.changes(0)
    assert first.named == {("main", A): first.serial}
    await catalog.ledger.publish(upload("b"))
    await catalog.ledger.publish(upload("a", index="team"))
    await remove(catalog, "a-1.0.tar.gz")

    second = await catalog.ledger.changes(first.serial)

    assert first.serial < second.named["main", B] < second.named["team", A]
    assert second.named["main", A] == second.serial
    assert await catalog.ledger.changes(second.serial) == Changes(second.serial, {})


async def test_many_changes_are_all_named(catalog: Catalog) -> None:
    """Changes are right after more than ten thousand entries."""
    entry = {"at": NOON, "who": "x", "action": "file uploaded", "detail": "{}"}
    rows = [{**entry, "project": f"p{number % 5000}"} for number in range(12_000)]
    with catalog.database.writing() as connection:
        connection.execute(insert(journal), rows)

    changes = await catalog.ledger.changes(0)

    assert changes.serial == newest(catalog)
    assert {name for _, name in changes.named} == {f"p{number}" for number in range(5000)}


async def test_serial_is_never_reused(catalog: Catalog) -> None:
    """A serial names one entry for ever, even when somebody removes the newest by hand."""
    with catalog.database.writing() as connection:
        entry = {"at": NOON, "who": "x", "action": "file uploaded", "detail": "{}"}
        connection.execute(insert(journal), [entry, entry])
    gone = newest(catalog)
    with catalog.database.writing() as connection:
        connection.execute(delete(journal))

    await catalog.ledger.publish(upload())

    assert newest(catalog) > gone


async def test_failed_upload_leaves_nothing(catalog: Catalog) -> None:
    """An upload that cannot be recorded leaves no entry in the journal either."""
    with pytest.raises(IntegrityError):
        await catalog.ledger.publish(upload(filetype=None))

    assert entries(catalog) == []
    with pytest.raises(NoSuchProject):
        await catalog.ledger.files("main", DEMO)


async def test_readers_do_not_wait_for_a_writer(catalog: Catalog) -> None:
    """While a writer holds its transaction open, readers go on with what was committed."""
    await catalog.ledger.publish(upload())

    with catalog.database.writing() as connection, anyio.fail_after(60):
        connection.execute(delete(uploads))
        for _ in range(20):
            assert await catalog.ledger.files("main", DEMO) == [upload()]

    with pytest.raises(NoSuchProject):
        await catalog.ledger.files("main", DEMO)


async def test_concurrent_publishers_of_one_name(catalog: Catalog, other: Catalog) -> None:
    """Of many who publish other bytes under one name at once, exactly one wins."""
    contenders = [upload(said=f"{number}") for number in range(12)]
    tries = [
        worker.ledger.publish(mine)
        for mine, worker in zip(contenders, [catalog, other] * 6, strict=True)
    ]

    answers = await asyncio.gather(*tries, return_exceptions=True)

    assert answers.count(True) == 1
    assert sum(isinstance(answer, FileExists) for answer in answers) == 11
    [winner] = await other.ledger.files("main", DEMO)
    assert winner == contenders[answers.index(True)]


async def test_uploads_that_wait_share_a_transaction(catalog: Catalog) -> None:
    """What comes while nothing can be written is written at once: each commit takes the disk."""
    committed: list[Connection] = []
    event.listen(catalog.database.engine, "commit", committed.append)

    results = await asyncio.gather(*(catalog.ledger.publish(upload(f"p{n}")) for n in range(50)))

    assert results == [True] * 50
    assert len(entries(catalog)) == 50
    assert len(committed) < 10


async def test_who_is_refused_is_refused_alone(catalog: Catalog) -> None:
    """Of uploads that are recorded together each has an answer of its own, in their order."""
    await catalog.ledger.publish(upload("taken"))
    await catalog.ledger.publish(upload("shut"))
    await catalog.stewardship.declare(
        "main", ProjectName("shut"), Status.ARCHIVED, Deed(who="ops", at=NOON)
    )
    before = newest(catalog)

    results = await asyncio.gather(
        catalog.ledger.publish(upload("a")),
        catalog.ledger.publish(upload("taken", said="other")),
        catalog.ledger.publish(upload("taken")),
        catalog.ledger.publish(upload("shut", "2.0")),
        catalog.ledger.publish(upload("b")),
        catalog.ledger.publish(upload("b", said="other")),
        return_exceptions=True,
    )

    assert [*map(type, results)] == [bool, FileExists, bool, Forbidden, bool, FileExists]
    assert [result for result in results if isinstance(result, bool)] == [True, False, True]
    new = [entry["filename"] for entry in entries(catalog) if entry["serial"] > before]
    assert new == ["a-1.0.tar.gz", "b-1.0.tar.gz"]


async def test_what_cannot_be_recorded_fails_alone(catalog: Catalog) -> None:
    """Who is recorded together with what the database will not have is recorded all the same."""
    results = await asyncio.gather(
        catalog.ledger.publish(upload("a")),
        catalog.ledger.publish(upload("bad", filetype=None)),
        catalog.ledger.publish(upload("b")),
        return_exceptions=True,
    )

    assert [results[0], results[2]] == [True, True]
    assert isinstance(results[1], IntegrityError)
    assert {entry["project"] for entry in entries(catalog)} == {"a", "b"}
    for name in ("a", "b"):
        assert len(await catalog.ledger.files("main", ProjectName(name))) == 1


async def test_what_does_not_fit_fails_alone(sqlite: str) -> None:
    """Who is recorded together with what the disk has no room for is recorded all the same."""
    catalog = connect(sqlite)
    await catalog.ledger.publish(upload("before"))

    with room_for(1 << 20):
        results = await asyncio.gather(
            catalog.ledger.publish(upload("a")),
            catalog.ledger.publish(upload("long"), {"said": "x" * (2 << 20)}),
            catalog.ledger.publish(upload("b")),
            return_exceptions=True,
        )

    assert [results[0], results[2]] == [True, True]
    assert isinstance(results[1], StorageDown)  # the limit is an I/O error to SQLite
    assert await catalog.ledger.projects("main") == ["a", "b", "before"]
    await catalog.close()


async def test_publishing_processes(catalog: Catalog, url: str) -> None:
    """Of four processes that publish other bytes under the same names, one wins each name."""
    won = await anyio.to_thread.run_sync(together, publish_ten, url, 4)

    files = await catalog.ledger.files("main", DEMO)
    assert sorted(name for names in won for name in names) == sorted(f.filename for f in files)
    assert len(files) == 10


async def test_no_change_is_ever_missed(catalog: Catalog, other: Catalog) -> None:
    """Whoever asks for changes again and again learns of each, however writers overlap."""
    named: set[ProjectName] = set()
    publishing = asyncio.gather(
        *(
            worker.ledger.publish(upload(f"p{number}"))
            for number, worker in enumerate([catalog, other] * 40)
        )
    )

    since, done = 0, False
    while not done:
        done = publishing.done()  # before the last look
        changes = await catalog.ledger.changes(since)
        since = changes.serial
        named |= {name for _, name in changes.named}
    await publishing

    assert named == {f"p{number}" for number in range(80)}


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("publish"), st.sampled_from("789"), st.sampled_from("12")),
            st.tuples(st.just("delete"), st.sampled_from("789"), st.just("")),
        ),
        max_size=12,
    )
)
async def test_a_name_means_one_digest(catalog: Catalog, steps: list[tuple[str, str, str]]) -> None:
    """Over any order of publishing and deleting, a name never means two digests."""
    index = f"index{newest(catalog)}-{id(steps)}"  # fresh, for all examples share a database
    bound: dict[str, Upload] = {}
    listed: dict[str, Upload] = {}

    for action, name, said in steps:
        mine = upload(version=name, said=f"{name}{said}", index=index)
        if action == "delete" and name in listed:
            await remove(catalog, mine.filename, index)
            del listed[name]
        elif action == "delete":
            with pytest.raises(NoSuchFile):
                await remove(catalog, mine.filename, index)
        elif bound.setdefault(name, mine) == mine:
            assert await catalog.ledger.publish(mine) == (name not in listed)
            listed.setdefault(name, mine)
        else:
            with pytest.raises(FileExists):
                await catalog.ledger.publish(mine)

    if bound:
        assert await catalog.ledger.files(index, DEMO) == list(listed.values())
