"""Yanks, deletions and statuses, of own uploads and of what a source has."""

from collections.abc import Mapping

import pytest

from cloche.core.errors import BadRequest, Forbidden, NoSuchFile, NoSuchProject, ProjectDeleted
from cloche.core.index import Index
from cloche.core.marks import Part
from cloche.core.model import FileKey, ProjectName, Status
from cloche.service.steward import Steward
from tests.catalog.samples import upload
from tests.packages import wheel
from tests.service.worker import Employ, Options, Worker, everything
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

DEMO = ProjectName("demo")
ONE, TWO = wheel("demo", "1.0"), wheel("demo", "2.0")
INDEXES: Mapping[str, Index] = {
    "main": Index(name="main", sources=("team", "pypi"), uploads=True),
    "team": Index(name="team", sources=("side",), uploads=True),
    "side": Index(name="side", sources=("pypi",)),
}
V1, V2 = (Part(index="main", project=DEMO, version=version) for version in ("1.0", "2.0"))


@pytest.fixture
async def node(employ: Employ, upstream: Upstream) -> Worker:
    for built in (ONE, TWO):
        upstream.add(built)
    return await employ(Options(indexes=INDEXES))


@pytest.fixture
def steward(node: Worker) -> Steward:
    return Steward(node.view, node.catalog.stewardship, node.catalog.pulse, node.view.clock)


async def yanked(node: Worker, index: str = "main") -> list[bool | str]:
    shown = await node.shelf.get(index, DEMO)
    return [file.yanked for file in shown.page.files]


async def status(node: Worker, index: str = "main") -> tuple[str, str | None]:
    shown = await node.shelf.get(index, DEMO)
    return shown.page.status, shown.page.status_reason


async def marks(node: Worker) -> int:
    return len((await node.catalog.ledger.own("main", DEMO)).marks.yanks)


async def test_an_upstream_s_version_is_yanked_here(node: Worker, steward: Steward) -> None:
    """A local yank is shown at once in its index, and in no index that it draws on."""
    assert await yanked(node) == await yanked(node, "side") == [False, False]

    assert await steward.yank(V1, "bob", "broken") == [ONE.filename]

    assert await yanked(node) == ["broken", False]
    assert await yanked(node, "side") == [False, False]
    assert await steward.unyank(V1, "bob", "") == [ONE.filename]
    assert await yanked(node) == [False, False]
    assert await marks(node) == 0


async def test_marks_show_through(node: Worker, steward: Steward) -> None:
    """What an index says is shown by the indexes that draw on it, unless they say other."""
    await yanked(node)
    side = Part(index="side", project=DEMO, version="1.0")

    await steward.yank(side, "bob", "in side")
    assert await yanked(node) == ["in side", False]

    await steward.yank(V1, "bob", "in main")
    assert await yanked(node) == ["in main", False]

    await steward.unyank(V1, "bob", "")
    assert await yanked(node) == [False, False]  # lifted here, for side yanks it still
    assert await yanked(node, "side") == ["in side", False]


async def test_a_later_file_of_a_yanked_version(
    node: Worker, steward: Steward, upstream: Upstream
) -> None:
    """A file that an upstream adds to a version that is yanked here is yanked here too."""
    await steward.yank(V2, "bob", "broken")
    added = wheel("demo", "2.0", tag="py2-none-any")
    upstream.add(added)
    node.view.clock.move(10_000)  # type: ignore[attr-defined]  # the tests' clock
    shown = await node.shelf.get("main", DEMO)

    assert {f.filename: f.yanked for f in shown.page.files}[added.filename] == "broken"


async def test_one_file_of_a_yanked_version_is_unyanked(node: Worker, steward: Steward) -> None:
    """A file can be let go while its version stays yanked."""
    await steward.yank(V1, "bob", "broken")

    await steward.unyank(Part(index="main", project=DEMO, filename=ONE.filename), "bob", "")

    assert await yanked(node) == [False, False]
    await steward.yank(V1, "bob", "again")
    assert await yanked(node) == ["again", False]


async def test_own_uploads_are_yanked_themselves(node: Worker, steward: Steward) -> None:
    """A yank of an own upload is shown by those who draw on the index, and leaves no mark."""
    await node.catalog.ledger.publish(upload(index="team"))
    team = Part(index="team", project=DEMO, version="1.0")
    assert await yanked(node) == [False]

    await steward.yank(team, "bob", "")

    assert await yanked(node) == await yanked(node, "team") == [True]
    assert not (await node.catalog.ledger.own("team", DEMO)).marks
    await steward.unyank(team, "bob", "")
    assert await yanked(node) == [False]


async def test_what_is_not_there_is_not_yanked(node: Worker, steward: Steward) -> None:
    """A version, file or project that the index does not show cannot be yanked."""
    for part in (
        Part(index="main", project=DEMO, version="9"),
        Part(index="main", project=DEMO, filename="demo-9.zip"),
    ):
        for change in (steward.yank, steward.unyank):
            with pytest.raises(NoSuchFile):
                await change(part, "bob", "")
    with pytest.raises(NoSuchProject):
        await steward.yank(Part(index="main", project=ProjectName("no"), version="1"), "bob", "")
    assert await node.catalog.stewardship.journal("main", DEMO, 0, 10) == []


async def test_a_source_s_file_cannot_be_deleted(node: Worker, steward: Steward) -> None:
    """Only an index's own uploads can be deleted there, and the refusal says what can be done."""
    await node.catalog.ledger.publish(upload(index="team"))
    for part in (V1, Part(index="side", project=DEMO), Part(index="main", project=DEMO)):
        with pytest.raises(NoSuchFile, match="yanked or quarantined"):
            await steward.delete(part, "bob", "")
    assert await yanked(node) == [False]


async def test_a_deleted_project_is_nobody_else_s(node: Worker, steward: Steward) -> None:
    """When all is deleted, no source answers for the name, here or in who draws on the index."""
    await node.catalog.ledger.publish(upload(index="team"))
    await yanked(node)

    deleted = await steward.delete(Part(index="team", project=DEMO), "bob", "secret")

    assert deleted == [upload().filename]
    for index in ("main", "team"):
        with pytest.raises(ProjectDeleted, match=r"demo were deleted from index team"):
            await node.shelf.get(index, DEMO)
    key = FileKey(ONE.sha256)
    with pytest.raises(ProjectDeleted):
        await node.files.find("main", DEMO, key, ONE.filename)
    assert (await node.files.find("side", DEMO, key, ONE.filename)).filename == ONE.filename
    assert await node.view.projects("team") == ["demo"]  # which side keeps


async def test_a_status_is_declared(node: Worker, steward: Steward) -> None:
    """The outermost index that gives a project a status decides; none leaves it to the source."""
    assert await status(node) == ("active", None)
    await steward.declare("side", DEMO, Status.ARCHIVED, "bob", "done")
    assert await status(node) == await status(node, "side") == ("archived", "done")

    await steward.declare("main", DEMO, Status.DEPRECATED, "bob", "")
    assert await status(node) == ("deprecated", None)

    await steward.undeclare("main", DEMO, "bob", "")
    assert await status(node) == ("archived", "done")


async def test_quarantined_files_are_refused(node: Worker, steward: Steward) -> None:
    """A quarantined project's files, kept or not, have URLs that say why they are not served."""
    key = FileKey(ONE.sha256)
    wanted = await node.files.find("main", DEMO, key, ONE.filename)
    assert await everything(await node.files.open(wanted, 0, None)) == ONE.content

    await steward.declare("main", DEMO, Status.QUARANTINED, "bob", "malware")

    for name in (ONE.filename, f"{ONE.filename}.metadata", "demo-9.0.zip"):
        with pytest.raises(Forbidden, match=r"demo is quarantined \(malware\).*`cloche status"):
            await node.files.find("main", DEMO, key, name)
    assert (await node.files.find("side", DEMO, key, ONE.filename)).filename == ONE.filename


async def test_a_quarantine_outlasts_an_outage(
    node: Worker, steward: Steward, upstream: Upstream, employ: Employ
) -> None:
    """A kept file of a quarantined project is refused, too, when its upstream cannot be asked."""
    key = FileKey(ONE.sha256)
    wanted = await node.files.find("main", DEMO, key, ONE.filename)
    await everything(await node.files.open(wanted, 0, None))
    await node.fetch.close(patience=10)
    await steward.declare("side", DEMO, Status.QUARANTINED, "bob", "")
    with node.catalog.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM pages")
        connection.exec_driver_sql("DELETE FROM documents")

    with upstream.down():
        second = await employ(Options(indexes=INDEXES, settings={"attempts": 1}))
        for index in ("main", "team", "side"):
            with pytest.raises(Forbidden, match="quarantined"):
                await second.files.find(index, DEMO, key, ONE.filename)
        await steward.declare("main", DEMO, Status.ACTIVE, "bob", "")
        found = await second.files.find("main", DEMO, key, ONE.filename)
        assert await everything(await second.files.open(found, 0, None)) == ONE.content


async def test_a_status_needs_a_project_but_no_upstream(
    node: Worker, steward: Steward, upstream: Upstream
) -> None:
    """A name that nobody has gets no status; one that cannot be asked for, or is deleted, does."""
    with pytest.raises(NoSuchProject):
        await steward.declare("main", ProjectName("nobody-s"), Status.ARCHIVED, "bob", "")
    with upstream.down():
        await steward.declare("main", ProjectName("far"), Status.QUARANTINED, "bob", "")
    await node.catalog.ledger.publish(upload("own"))
    own = ProjectName("own")
    await steward.delete(Part(index="main", project=own), "bob", "")
    await steward.declare("main", own, Status.ARCHIVED, "bob", "")
    with pytest.raises(Forbidden):
        await node.catalog.ledger.publish(upload("own", "2.0"))


async def test_who_when_and_why(node: Worker, steward: Steward) -> None:
    """The journal of a project says who did what, at the server's time, and why."""
    await steward.yank(V1, "bob", " broken ")

    (entry,) = await steward.journal("main", DEMO, 0, 10)

    assert (entry.who, entry.at) == ("bob", node.view.clock())
    assert entry.detail == {"reason": "broken", "mark": "yanked"}


async def test_a_reason_is_checked_first(node: Worker, steward: Steward) -> None:
    """A reason that cannot be shown changes nothing."""
    with pytest.raises(BadRequest):
        await steward.yank(V1, "bob", "a\nb")
    with pytest.raises(BadRequest):
        await steward.delete(V1, "bob", "x" * 501)
    assert await yanked(node) == [False, False]
