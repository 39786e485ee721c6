"""Who answers for a project: own uploads, then the first source that owns the name."""

from datetime import timedelta
from typing import Any

import pytest

from cloche.core.errors import (
    Elsewhere,
    Forbidden,
    NoSuchIndex,
    NoSuchProject,
    ProjectDeleted,
    UpstreamDown,
    UpstreamLies,
)
from cloche.core.model import ProjectName, Status
from cloche.core.policy import FOREVER
from cloche.ports import Document
from cloche.service.steward import Steward
from cloche.upstreams._redirect import Redirect
from tests.catalog.samples import remove, upload
from tests.fakes import FakeUpstream
from tests.service.worker import Employ, Worker
from tests.service.world import World, source

pytestmark = pytest.mark.anyio

DEMO = ProjectName("demo")
FILE = "demo-1.0-py3-none-any.whl"


@pytest.fixture
def world(employ: Employ) -> World:
    return World(employ)


async def owner(node: Worker, index: str = "main") -> str:
    return (await node.view.project(index, DEMO)).owner


async def test_the_first_source_that_owns_the_name_answers(world: World) -> None:
    """A second source that has the project too is never heard."""
    node = await world(
        source("a", "other"), source("b", "demo"), source("c", "demo"), main=("a", "b", "c")
    )

    sight = await node.view.project("main", DEMO)
    assert (sight.owner, sight.hosted) == ("b", False)
    assert [file.filename for file in sight.page.files] == [FILE]
    assert [file.url for file in sight.page.files] == [f"http://files/{FILE}"]


async def test_nobody_owns_the_name(world: World) -> None:
    """A name that no source has is no project."""
    node = await world(source("a"), source("b"), main=("a", "b"))
    with pytest.raises(NoSuchProject):
        await owner(node)


@pytest.mark.parametrize("state", ["down", "lying"])
async def test_a_source_that_cannot_be_asked_stops_the_search(world: World, state: str) -> None:
    """A stranger never answers for a name that an unreachable source may own."""
    first = source("a", down=state == "down")
    if state == "lying":
        first.pages[DEMO] = Document(body=b"Sorry!", content_type="text/plain", url="http://a/")
    node = await world(first, source("b", "demo"), main=("a", "b"))

    with pytest.raises((UpstreamDown, UpstreamLies)):
        await owner(node)


async def test_a_source_of_which_nothing_is_kept_stops_the_search_offline(world: World) -> None:
    """Offline it is not known who owns a name that was never asked for."""
    node = await world(source("a"), source("b", "demo"), main=("a", "b"), offline=True)
    with pytest.raises(UpstreamDown):
        await owner(node)


async def test_a_kept_page_of_an_unreachable_source_answers(world: World) -> None:
    """The owner that was is the owner still, when it cannot be asked."""
    first = source("a", "demo")
    node = await world(first, source("b", "demo"), main=("a", "b"))
    assert await owner(node) == "a"
    first.down = True

    assert await owner(node) == "a"


async def test_uploads_come_first(world: World) -> None:
    """An index's own files are all that it shows of a project, whatever its sources have."""
    node = await world(source("a", "demo"), main=("a",))
    mine = upload()
    await node.catalog.ledger.publish(mine)

    sight = await node.view.project("main", DEMO)
    assert (sight.owner, sight.hosted, sight.until) == ("main", True, FOREVER)
    (file,) = sight.page.files
    assert (file.filename, file.sha256, file.size) == (mine.filename, mine.digest, mine.size)
    assert (file.upload_time, file.requires_python) == (mine.uploaded_at, mine.requires_python)
    assert file.core_metadata == {"sha256": mine.metadata}


async def test_uploads_need_no_source(world: World) -> None:
    """A private project is shown when every source is down, and no source hears its name."""
    node = await world(source("a", down=True), main=("a",))
    await node.catalog.ledger.publish(upload())

    assert await owner(node) == "main"


async def test_a_private_name_is_never_asked_for(world: World) -> None:
    """The sources behind the one that owns a name are not asked for it."""
    asked: list[str] = []

    class Listening(FakeUpstream):
        async def page(self, project: ProjectName, etag: str | None) -> Any:
            asked.append(project)
            return await super().page(project, etag)

    public = Listening(name="public")
    node = await world(source("team", "demo"), public, main=("team", "public"))
    await owner(node)
    await node.catalog.ledger.publish(upload("mine"))
    await node.view.project("main", ProjectName("mine"))

    assert asked == []


async def test_a_deleted_upload_keeps_its_name(world: World) -> None:
    """A project whose every file was deleted is nobody else's: no source takes it over."""
    node = await world(source("a", "demo"), main=("a",))
    mine = upload()
    await node.catalog.ledger.publish(mine)
    await remove(node.catalog, mine.filename, who="alice")

    with pytest.raises(ProjectDeleted, match="demo were deleted from index main"):
        await node.view.project("main", DEMO)


async def test_an_index_may_be_a_source(world: World) -> None:
    """Uploads to an index are shown by those that draw on it, in the order of their sources."""
    node = await world(source("a", "demo", "public"), main=("team", "a"), team=())
    await node.catalog.ledger.publish(upload(index="team"))

    assert await owner(node) == "team"
    assert (await node.view.project("main", ProjectName("public"))).owner == "a"
    with pytest.raises(NoSuchProject):
        await node.view.project("team", ProjectName("public"))


async def test_a_nested_source_that_is_down_stops_the_search(world: World) -> None:
    """An outage below an index stops those that draw on it, too."""
    node = await world(
        source("inner", down=True), source("b", "demo"), main=("team", "b"), team=("inner",)
    )
    with pytest.raises(UpstreamDown):
        await owner(node)


async def test_a_sight_holds_as_long_as_its_upstream_says(world: World) -> None:
    """When to look again is what the source says, and uploads need no second look."""
    node = await world(source("a", "demo"), main=("a",))
    sight = await node.view.project("main", DEMO)

    assert sight.until - node.view.clock() == timedelta(seconds=600)


async def test_an_unknown_index(world: World) -> None:
    """An index that nobody configured is said to be missing."""
    node = await world(source("a", "demo"), main=("a",))
    with pytest.raises(NoSuchIndex):
        await owner(node, "other")


async def test_the_order_in_which_sources_are_asked(world: World) -> None:
    """What an index draws on is everything below it, depth first, each once."""
    node = await world(
        source("a"), source("b"), main=("team", "lab", "b"), team=("a",), lab=("team", "b")
    )
    assert node.view.closure("main") == ["main", "team", "a", "lab", "b"]


async def test_the_projects_of_an_index(world: World) -> None:
    """The list of projects has what was uploaded and what is kept, and never asks a source."""
    node = await world(source("a", "demo", "never"), main=("team", "a"), team=())
    await node.catalog.ledger.publish(upload("zoo", index="team"))
    await node.catalog.ledger.publish(upload("ant"))
    await owner(node)

    assert await node.view.projects("main") == ["ant", "demo", "zoo"]


async def test_an_answer_holds_no_longer_than_the_absences_before_it(
    world: World,
) -> None:
    """When a source that comes first may have got the project, it is asked again."""
    node = await world(source("first"), source("second", "demo"), main=("first", "second"))
    sight = await node.view.project("main", DEMO)

    assert sight.until == node.view.clock() + timedelta(seconds=60)


async def test_the_last_word_is_elsewhere(world: World) -> None:
    """A name that no source has leads to the upstream that clients are to ask themselves."""
    node = await world(source("first"), source("last"), main=("first", "last"))
    node.cached["last"].upstream = Redirect("last", "http://last/simple/")
    with pytest.raises(Elsewhere) as told:
        await node.view.project("main", DEMO)

    assert told.value.url == "http://last/simple/demo/"


async def test_nobody_is_sent_elsewhere_for_what_is_quarantined(world: World) -> None:
    """A project that is quarantined here, or in an index on the way, is not redirected to."""
    node = await world(source("last"), main=("team",), team=("last",))
    node.cached["last"].upstream = Redirect("last", "http://last/simple/")
    steward = Steward(node.view, node.catalog.stewardship, node.catalog.pulse, node.view.clock)

    await steward.declare("team", DEMO, Status.QUARANTINED, "bob", "malware")

    for index in ("main", "team"):
        with pytest.raises(Forbidden, match=r"demo is quarantined \(malware\)"):
            await node.view.project(index, DEMO)
    await steward.declare("team", DEMO, Status.DEPRECATED, "bob", "")
    with pytest.raises(Elsewhere):
        await node.view.project("main", DEMO)


async def test_nobody_is_sent_elsewhere_for_a_name_that_is_owned(world: World) -> None:
    """A project that a source has, or may have, is never looked for at another place."""
    first = source("first", "demo")
    node = await world(first, source("last"), main=("first", "last"))
    node.cached["last"].upstream = Redirect("last", "http://last/simple/")
    assert await owner(node) == "first"

    del first.pages[DEMO]
    first.down = True
    with pytest.raises(UpstreamDown):
        await node.view.project("main", ProjectName("other"))
