"""Routes, merged projects and fall-through: who is asked, and whose files are shown."""

from typing import Any

import pytest
from msgspec.structs import replace

from cloche.core.errors import (
    Elsewhere,
    NoSuchFile,
    NoSuchProject,
    ProjectDeleted,
    UpstreamDown,
    UpstreamLies,
)
from cloche.core.index import Index, Route
from cloche.core.marks import Part
from cloche.core.model import FileKey, ProjectName, Status
from cloche.core.patterns import names
from cloche.ports import Deed, Document
from cloche.service.files import Files
from cloche.service.shelf import Shelf
from cloche.service.steward import Steward
from cloche.service.view import View
from tests.catalog.samples import NOON, held, kept, remove, upload
from tests.service.worker import Employ, Worker
from tests.service.world import World, source

pytestmark = pytest.mark.anyio

DEMO = ProjectName("demo")
BOB = Deed(who="bob", at=NOON)
HELD = replace(held(), filename="demo-0.9.tar.gz", key=FileKey("9" * 64))


@pytest.fixture
def world(employ: Employ) -> World:
    return World(employ)


def routed(pattern: str, *sources: str) -> dict[str, Any]:
    route = Route(projects=names([pattern]), sources=sources)
    return {"sources": ("team", "public"), "routes": (route,)}


def merging(*sources: str, pattern: str = "demo") -> dict[str, Any]:
    return {"sources": sources, "merge": names([pattern])}


async def files(node: Worker, index: str = "main") -> list[tuple[str, str]]:
    """What is listed, and where it comes from."""
    sight = await node.view.project(index, DEMO)
    return [(file.filename, sight.origin(file.filename).owner) for file in sight.page.files]


def wheel(version: str) -> str:
    return f"demo-{version}-py3-none-any.whl"


@pytest.mark.parametrize("pattern", ["demo", "d*", "D*", "[cd]emo"])
async def test_a_route_leaves_only_its_sources(world: World, pattern: str) -> None:
    """Nobody else hears the name, whether the routed source has it or not."""
    public = source("public", "demo")
    node = await world(source("team"), public, main=routed(pattern, "team"))

    with pytest.raises(NoSuchProject):
        await files(node)
    assert public.asked == []


@pytest.mark.parametrize("pattern", ["acme.*", "ACME_*", "Acme-*", "acme--*", "acme-tool"])
async def test_patterns_are_normalised_as_names_are(world: World, pattern: str) -> None:
    """However a pattern is written, it matches the name in normal form (PEP 503)."""
    public = source("public", "acme-tool")
    node = await world(source("team"), public, main=routed(pattern, "team"))

    with pytest.raises(NoSuchProject):
        await node.view.project("main", ProjectName("acme-tool"))
    assert public.asked == []


async def test_a_route_to_nothing_leaves_own_uploads(world: World) -> None:
    """A route without sources is for what is uploaded here, and for nobody else."""
    public = source("public", "demo")
    node = await world(source("team", "demo"), public, main=routed("demo"))
    with pytest.raises(NoSuchProject):
        await files(node)

    await node.catalog.ledger.publish(upload())
    assert await files(node) == [("demo-1.0.tar.gz", "main")]
    assert public.asked == []


async def test_a_route_of_an_index_below(world: World) -> None:
    """An index that is drawn on asks whom its own routes name."""
    public = source("public", "demo")
    node = await world(source("team"), public, top=("main",), main=routed("demo", "team"))

    with pytest.raises(NoSuchProject):
        await files(node, "top")
    assert public.asked == []


async def test_a_routed_source_that_is_down(world: World) -> None:
    """An outage of the only source that may answer is an outage."""
    node = await world(
        source("team", down=True), source("public", "demo"), main=routed("demo", "team")
    )
    with pytest.raises(UpstreamDown):
        await files(node)


async def test_what_a_route_passes_over_is_not_listed(world: World) -> None:
    """A page that was kept before there was a route is on no list, and its files are not served."""
    node = await world(source("team"), source("public"), main=routed("demo", "team"))
    await node.catalog.pages.keep("public", DEMO, kept())
    await node.catalog.pages.hold(replace(HELD, upstream="public"))

    assert await node.view.projects("main") == []
    assert (await node.roots.get("main")).roll.stretches == ()
    with pytest.raises(NoSuchFile):
        await node.files.find("main", DEMO, HELD.key, HELD.filename)


async def test_merged_files_come_from_all_owners(world: World) -> None:
    """Own uploads first, then what each source has; every file says where it comes from."""
    node = await world(
        source("a", "demo", version="1.0"),
        source("b", "other"),
        source("c", "demo", version="3.0"),
        main=merging("a", "b", "c"),
    )
    await node.catalog.ledger.publish(upload(version="2.0"))

    assert await files(node) == [
        ("demo-2.0.tar.gz", "main"),
        (wheel("1.0"), "a"),
        (wheel("3.0"), "c"),
    ]
    sight = await node.view.project("main", DEMO)
    assert set(sight.serials) == {"main", "a", "c"}
    assert not sight.hosted


async def test_the_versions_of_a_merged_page(world: World) -> None:
    """A page states the versions of every owner, those too that only filenames tell (PEP 700)."""
    stating = source("a")
    stating.pages[DEMO] = Document(
        body=b'{"meta":{"api-version":"1.1"},"name":"demo","versions":["1.0"],"files":[]}',
        content_type="application/vnd.pypi.simple.v1+json",
        url="http://a/simple/demo/",
    )
    node = await world(stating, main=merging("a"))
    await node.catalog.ledger.publish(upload(version="2.0"))

    assert (await node.view.project("main", DEMO)).page.versions == ("2.0", "1.0")


async def test_of_files_of_one_name_the_first_owner_s_counts(world: World) -> None:
    """Nobody behind can put other bytes under a name that one in front has."""
    node = await world(source("a", "demo"), main=merging("a"))
    mine = upload(filename=wheel("1.0"))
    await node.catalog.ledger.publish(mine)

    [file] = (await node.view.project("main", DEMO)).page.files
    assert (file.filename, file.sha256) == (mine.filename, mine.digest)


async def test_only_what_is_named_is_merged(world: World) -> None:
    """A project that no pattern of `merge` matches has one owner."""
    node = await world(
        source("a", "demo", version="1.0"),
        source("b", "demo", version="2.0"),
        main=merging("a", "b", pattern="other"),
    )
    assert await files(node) == [(wheel("1.0"), "a")]


@pytest.mark.parametrize("state", ["down", "lying"])
@pytest.mark.parametrize("hosted", [True, False])
async def test_a_merged_page_is_whole_or_not_at_all(
    world: World, state: str, *, hosted: bool
) -> None:
    """When one of the owners cannot be asked there is no page: part of it would be false."""
    bad = source("b", down=state == "down")
    if state == "lying":
        bad.pages[DEMO] = Document(body=b"Sorry!", content_type="text/plain", url="http://b/")
    node = await world(source("a", "demo"), bad, main=merging("a", "b"))
    if hosted:
        await node.catalog.ledger.publish(upload(version="2.0"))

    with pytest.raises((UpstreamDown, UpstreamLies)):
        await files(node)


async def test_a_merged_page_sees_a_change_of_any_owner(world: World) -> None:
    """What is uploaded to an index that is drawn on is on the merged page at once."""
    node = await world(source("a", "demo"), main=merging("team", "a"), team=())
    assert len((await node.shelf.get("main", DEMO)).page.files) == 1

    await node.catalog.ledger.publish(upload(version="2.0", index="team"))
    assert len((await node.shelf.get("main", DEMO)).page.files) == 2


async def test_what_one_owner_has_deleted(world: World) -> None:
    """A merged project whose one owner deleted all its files shows the others'."""
    node = await world(source("a", "demo"), main=merging("team", "a"), team=())
    for index in ("main", "team"):
        await node.catalog.ledger.publish(upload(index=index))
        await remove(node.catalog, "demo-1.0.tar.gz", index)

    assert await files(node) == [(wheel("1.0"), "a")]
    await node.catalog.ledger.publish(upload(version="2.0"))
    assert await files(node) == [("demo-2.0.tar.gz", "main"), (wheel("1.0"), "a")]


async def test_what_every_owner_has_deleted(world: World) -> None:
    """A merged project of which nothing is left was deleted; it is not unknown."""
    node = await world(source("a"), main=merging("team", "a"), team=())
    for index in ("main", "team"):
        await node.catalog.ledger.publish(upload(index=index))
        await remove(node.catalog, "demo-1.0.tar.gz", index)
        with pytest.raises(ProjectDeleted):
            await files(node)


async def test_an_owner_in_quarantine_adds_nothing(world: World) -> None:
    """Files of an index that holds the project in quarantine are on no merged page."""
    node = await world(main=merging("team"), team=())
    await node.catalog.ledger.publish(upload(version="2.0"))
    await node.catalog.ledger.publish(upload(index="team"))
    steward = Steward(node.view, node.catalog.stewardship, node.catalog.pulse, node.view.clock)
    await steward.declare("team", DEMO, Status.QUARANTINED, "bob", "malware")

    assert await files(node) == [("demo-2.0.tar.gz", "main")]


async def test_a_kept_file_of_a_later_owner(world: World) -> None:
    """What an owner behind the first listed once, and is kept, is served still."""
    node = await world(source("a", "demo"), source("b"), main=merging("a", "b"))
    await node.catalog.pages.hold(replace(HELD, upstream="b"))

    found = await node.files.find("main", DEMO, HELD.key, HELD.filename)
    assert found.artifact is not None
    assert found.artifact.upstream == "b"


async def test_a_kept_file_of_who_is_no_owner(world: World) -> None:
    """Without `merge`, a file behind the first owner is not served, though it is kept."""
    node = await world(source("a", "demo"), source("b"), main=("a", "b"))
    await node.catalog.pages.hold(replace(HELD, upstream="b"))
    await files(node)

    with pytest.raises(NoSuchFile):
        await node.files.find("main", DEMO, HELD.key, HELD.filename)


async def test_yanking_a_merged_version(world: World) -> None:
    """Own uploads are yanked themselves, the others' files marked; unyanking takes both back."""
    node = await world(source("a", "demo"), main=merging("a"))
    await node.catalog.ledger.publish(upload())
    steward = Steward(node.view, node.catalog.stewardship, node.catalog.pulse, node.view.clock)
    one = Part(index="main", project=DEMO, version="1.0")
    both = ["demo-1.0.tar.gz", wheel("1.0")]

    async def yanked() -> list[bool | str]:
        return [file.yanked for file in (await node.shelf.get("main", DEMO)).page.files]

    assert await steward.yank(one, "bob", "broken") == both
    assert await yanked() == ["broken", "broken"]
    (own,) = await node.catalog.ledger.files("main", DEMO)
    assert own.yanked
    assert await steward.unyank(one, "bob", "") == both
    assert await yanked() == [False, False]
    assert not (await node.catalog.ledger.own("main", DEMO)).marks


@pytest.mark.parametrize("mine", [True, False])
async def test_yanking_one_owner_s_file(world: World, *, mine: bool) -> None:
    """Of a merged version, the file of one owner is yanked and the other's is not."""
    node = await world(source("a", "demo"), main=merging("a"))
    await node.catalog.ledger.publish(upload())
    steward = Steward(node.view, node.catalog.stewardship, node.catalog.pulse, node.view.clock)
    name = "demo-1.0.tar.gz" if mine else wheel("1.0")

    await steward.yank(Part(index="main", project=DEMO, filename=name), "bob", "bad")

    page = (await node.shelf.get("main", DEMO)).page
    assert [file.filename for file in page.files if file.yanked] == [name]


async def test_no_fall_through(world: World) -> None:
    """`none` asks no upstream; other indexes are asked, and what they draw on."""
    public = source("public", "demo")
    indexes = {
        "main": {"sources": ("team", "public"), "fallthrough": "none"},
        "top": {"sources": ("main", "open"), "fallthrough": "none"},
        "open": ("public",),
        "team": (),
    }
    node = await world(public, **indexes)  # type: ignore[arg-type]  # a dict of both sorts
    with pytest.raises(NoSuchProject):
        await files(node)
    assert public.asked == []

    assert await files(node, "top") == [(wheel("1.0"), "public")]
    assert await node.view.projects("main") == []


def redirecting(node: Worker) -> Files:
    """The same worker, whose clients may be sent to the upstream."""
    base = {"public": "http://public/simple/"}
    view = View(
        node.view.indexes,
        node.cached,
        node.catalog.ledger,
        node.catalog.pages,
        node.view.clock,
        base,
    )
    shelf = Shelf(view, node.catalog.ledger, node.catalog.pulse, node.view.clock)
    return Files(view, shelf, node.fetch, node.files.within, node.blobs)


async def test_fall_through_by_redirect(world: World) -> None:
    """A name that only an upstream can have leads there; the upstream is not asked."""
    public = source("public", "demo")
    node = await world(
        public, main={"sources": ("team", "public"), "fallthrough": "redirect"}, team=()
    )
    sending = redirecting(node)
    with pytest.raises(Elsewhere) as told:
        await sending.view.project("main", DEMO)
    assert told.value.url == "http://public/simple/demo/"

    await node.catalog.ledger.publish(upload(index="team"))
    assert (await sending.view.project("main", DEMO)).owner == "team"
    assert public.asked == []


async def test_one_index_redirects_and_another_keeps(world: World) -> None:
    """How an index falls through is its own matter."""
    public = source("public", "demo")
    node = await world(
        public,
        main={"sources": ("public",), "fallthrough": "redirect"},
        keeping=("public",),
    )
    sending = redirecting(node)

    assert (await sending.view.project("keeping", DEMO)).owner == "public"
    with pytest.raises(Elsewhere):
        await sending.view.project("main", DEMO)
    assert (await node.roots.get("main")).roll.stretches == ()
    assert (await node.roots.get("keeping")).roll.stretches != ()


def test_an_index_without_routes_asks_its_sources() -> None:
    """A route is for what it matches only."""
    index = Index(name="main", **routed("acme-*", "team"))

    assert index.sources_of(DEMO) == ("team", "public")
    assert index.sources_of(ProjectName("acme-x")) == ("team",)
