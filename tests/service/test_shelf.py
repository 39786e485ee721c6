"""What was worked out is shown again while it holds, and not a moment longer."""

import asyncio
from pathlib import Path

import pytest

from cloche import catalog
from cloche.core.errors import NoSuchProject
from cloche.core.model import ProjectName, file_key
from cloche.service.shelf import FILE_WEIGHT, Rendered, Shelf, Shown
from tests.catalog.samples import upload
from tests.packages import wheel
from tests.service.worker import Clock, Employ, Options, Worker
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

DEMO = ProjectName("demo")
PAGE = "/simple/demo/"


@pytest.fixture(autouse=True)
def listed(upstream: Upstream) -> None:
    upstream.add(wheel("demo", "1.0"))


async def show(node: Worker, project: str = "demo") -> Shown:
    return await node.shelf.get("main", ProjectName(project))


async def settled(node: Worker) -> Shown:
    """What is shown once nothing is being written any more."""
    await show(node)
    await node.catalog.pulse.settle()
    return await show(node)


def rendered(size: int) -> Rendered:
    return Rendered(bytes(size), b"", (), b"")


async def test_what_is_shown_is_shown_again(node: Worker) -> None:
    """While nobody writes, the same object answers, and costs no look at the catalog."""
    first = await settled(node)

    assert await show(node) is first
    assert node.shelf.current(first)


async def test_an_upload_is_shown_at_once(node: Worker) -> None:
    """Read your writes: what the ledger has taken is on the page of the next request."""
    before = await settled(node)
    await node.catalog.ledger.publish(upload())
    await node.catalog.pulse.settle()

    assert not node.shelf.current(before)
    after = await show(node)
    assert [file.filename for file in after.page.files] == ["demo-1.0.tar.gz"]
    assert not before.holds


async def test_an_upload_to_another_worker_is_shown_at_once(tmp_path: Path, node: Worker) -> None:
    """A worker learns of what another one has written before it answers again."""
    before = await settled(node)
    other = catalog.connect(f"sqlite:///{tmp_path}/catalog.db")
    await other.ledger.publish(upload())
    await other.pulse.settle()
    await other.close()

    assert not node.shelf.current(before)
    assert (await show(node)).sight.hosted


async def test_another_project_s_upload_costs_a_page_nothing(node: Worker) -> None:
    """A change drops the pages of its own project only."""
    before = await settled(node)
    await node.catalog.ledger.publish(upload("other"))
    await node.catalog.pulse.settle()

    assert await show(node) is before
    assert node.shelf.current(before)


async def test_an_upload_during_a_look_is_not_hidden(upstream: Upstream, node: Worker) -> None:
    """A look that began before an upload does not answer those who ask after it."""
    with upstream.gate(PAGE):
        early = asyncio.ensure_future(show(node))
        await asyncio.to_thread(upstream.wait_for, 1, PAGE)
        await node.catalog.ledger.publish(upload())
        await node.catalog.pulse.settle()
        late = await show(node)
        assert late.sight.hosted
    assert not (await early).sight.hosted

    assert (await show(node)).sight.hosted


async def test_a_look_that_an_upload_overtook_is_not_kept(upstream: Upstream, node: Worker) -> None:
    """What was seen before an upload is not shown after it, though nobody asked in between."""
    with upstream.gate(PAGE):
        early = asyncio.ensure_future(show(node))
        await asyncio.to_thread(upstream.wait_for, 1, PAGE)
        await node.catalog.ledger.publish(upload())
        await node.catalog.pulse.settle()
    assert not (await early).sight.hosted
    assert node.shelf.peek("main", DEMO) is None

    assert (await show(node)).sight.hosted


async def test_a_project_that_appears_is_found(node: Worker) -> None:
    """A name that nobody had is not remembered beyond its first upload."""
    with pytest.raises(NoSuchProject):
        await show(node, "new")
    await node.catalog.ledger.publish(upload("new"))
    await node.catalog.pulse.settle()

    assert (await show(node, "new")).sight.hosted


async def test_a_page_is_looked_at_again_when_its_time_is_over(
    upstream: Upstream, employ: Employ
) -> None:
    """What an upstream said holds until the instant it named."""
    clock = Clock()
    node = await employ(Options(clock=clock))
    before = await settled(node)
    clock.move(599)
    assert node.shelf.current(before)
    clock.move(1)

    assert not node.shelf.current(before)
    await show(node)
    assert len(upstream.requests(PAGE)) == 2


async def test_what_was_rendered_outlives_a_look_that_finds_nothing_new(employ: Employ) -> None:
    """A page that is the same after its time is not rendered again."""
    clock = Clock()
    node = await employ(Options(clock=clock))
    before = await settled(node)
    before.renders["html"] = rendered(10)
    clock.move(600)
    after = await show(node)

    assert after is not before
    assert after.renders == before.renders


async def test_many_who_ask_at_once_share_one_look(upstream: Upstream, node: Worker) -> None:
    """However many ask for a cold page, one looks, and all get the same."""
    with upstream.gate(PAGE):
        asking = [asyncio.ensure_future(show(node)) for _ in range(100)]
        await asyncio.to_thread(upstream.wait_for, 1, PAGE)
    shown = await asyncio.gather(*asking)

    assert len({id(one) for one in shown}) == 1
    assert len(upstream.requests(PAGE)) == 1


async def test_one_who_leaves_does_not_spoil_it_for_the_others(
    upstream: Upstream, node: Worker
) -> None:
    """A client that goes away while the page is looked up takes nobody's answer with it."""
    with upstream.gate(PAGE):
        first, second = asyncio.ensure_future(show(node)), asyncio.ensure_future(show(node))
        await asyncio.to_thread(upstream.wait_for, 1, PAGE)
        first.cancel()

    assert len((await second).page.files) == 1


async def test_the_shelf_is_bounded_in_bytes(node: Worker) -> None:
    """The least recently asked for goes when there is no more room, rendered bytes counted."""
    shelf = Shelf(
        node.view,
        node.catalog.ledger,
        node.catalog.pulse,
        node.view.clock,
        max_bytes=5 * FILE_WEIGHT,
    )
    for name in ("one", "two", "three"):
        await node.catalog.ledger.publish(upload(name))
    await node.catalog.pulse.settle()
    one, two = [await shelf.get("main", ProjectName(name)) for name in ("one", "two")]
    await shelf.get("main", ProjectName("one"))
    await shelf.get("main", ProjectName("three"))
    assert (one.holds, two.holds) == (True, False)

    one.renders["json"] = rendered(3 * FILE_WEIGHT)
    shelf.grew(one)
    assert one.holds
    assert shelf.peek("main", ProjectName("three")) is None


async def test_one_page_that_is_larger_than_the_shelf_is_shown_all_the_same(node: Worker) -> None:
    """The bound drops others, never what was just asked for."""
    shelf = Shelf(node.view, node.catalog.ledger, node.catalog.pulse, node.view.clock, max_bytes=1)
    await node.catalog.ledger.publish(upload())
    await node.catalog.pulse.settle()

    shown = await shelf.get("main", DEMO)
    assert shelf.current(shown)


async def test_what_was_shown_last_is_gone_when_the_journal_names_it(node: Worker) -> None:
    """A file's page, however old, may not be one that an upload has replaced."""
    before = await settled(node)
    assert await node.shelf.last("main", DEMO) is before
    await node.catalog.ledger.publish(upload())
    await node.catalog.pulse.settle()

    assert await node.shelf.last("main", DEMO) is None


async def test_what_was_shown_last_outlives_its_time(employ: Employ) -> None:
    """A file's URL needs no news of its page."""
    clock = Clock()
    node = await employ(Options(clock=clock))
    before = await settled(node)
    clock.move(10_000)

    assert await node.shelf.last("main", DEMO) is before


async def test_a_file_is_found_by_its_name_and_key(node: Worker) -> None:
    """The right name with another file's key is another file."""
    shown = await show(node)
    (file,) = shown.page.files

    assert shown.find(file.filename, file.key) is file
    assert shown.find("other.whl", file.key) is None
    assert shown.find(file.filename, file_key("0" * 64)) is None


async def test_what_was_rendered_does_not_outlive_its_serial(
    upstream: Upstream, employ: Employ
) -> None:
    """A page that is the same, yet was changed in between, is rendered with its new serial."""
    clock = Clock()
    node = await employ(Options(clock=clock))
    before = await settled(node)
    before.renders["html"] = rendered(10)
    upstream.project("demo", extra={"_last-serial": 7})  # true of its own index alone
    clock.move(600)
    after = await settled(node)

    assert after.sight.told > before.sight.told
    assert after.page == before.page
    assert after.renders == {}


async def test_who_leaves_keeps_nobody_from_catching_up(node: Worker) -> None:
    """The look at the journal that a leaving client began is made good by one who stays."""
    await settled(node)
    await node.catalog.ledger.publish(upload())
    await node.catalog.pulse.settle()
    asked = [asyncio.ensure_future(show(node)) for _ in range(20)]
    await asyncio.sleep(0)
    asked[0].cancel()

    shown = await asyncio.gather(*asked[1:])

    assert all(one.sight.hosted for one in shown)
