"""The list of projects follows every change, whoever made it, and is made once."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from cloche import catalog
from cloche.core.errors import NoSuchIndex
from cloche.core.index import Index
from cloche.core.model import ProjectName, Status
from cloche.core.roots import entries
from cloche.ports import Deed
from cloche.service.roots import Root, Roots
from tests.catalog.samples import newest, part, remove, upload
from tests.packages import wheel
from tests.service.worker import Employ, Options, Worker
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

TWO = {
    "main": Index(name="main", sources=("team", "pypi"), uploads=True, default=True),
    "team": Index(name="team", uploads=True),
}


def listed(root: Root) -> Mapping[ProjectName, int]:
    return {name: serial for some in entries(root.roll) for name, serial in some.items()}


async def publish(node: Worker, project: str, version: str = "1.0", index: str = "main") -> int:
    await node.catalog.ledger.publish(upload(project, version, index=index))
    await node.catalog.pulse.settle()
    return newest(node.catalog)


async def test_uploads_are_listed_at_once(node: Worker) -> None:
    """Read your writes: each upload is on the next list, with its serial."""
    assert listed(await node.roots.get("main")) == {}
    first = await publish(node, "one")
    assert listed(await node.roots.get("main")) == {"one": first}
    second = await publish(node, "two")
    third = await publish(node, "one", "2.0")

    root = await node.roots.get("main")
    assert listed(root) == {"one": third, "two": second}
    assert root.roll.serial == third


async def test_an_upload_of_another_worker_is_listed_at_once(tmp_path: Path, node: Worker) -> None:
    """What another process writes is on the next list too."""
    before = await node.roots.get("main")
    other = catalog.connect(f"sqlite:///{tmp_path}/catalog.db")
    await other.ledger.publish(upload("one"))
    await other.pulse.settle()
    await other.close()

    assert not node.roots.current(before)
    assert list(listed(await node.roots.get("main"))) == ["one"]
    assert not before.holds


async def test_the_same_list_is_shown_while_nothing_changes(node: Worker) -> None:
    """While nobody writes, the same object answers and asks nobody."""
    await publish(node, "one")
    root = await node.roots.get("main")

    assert node.roots.current(root)
    assert await node.roots.get("main") is root


async def test_what_does_not_concern_an_index_changes_nothing(employ: Employ) -> None:
    """A change elsewhere leaves the list, and all that was rendered of it, as it is."""
    node = await employ(Options(indexes=TWO))
    await publish(node, "one", index="team")
    team = await node.roots.get("team")
    await publish(node, "two")

    assert not node.roots.current(team)
    assert await node.roots.get("team") is team
    assert node.roots.current(team)
    assert set(listed(await node.roots.get("main"))) == {"one", "two"}


async def test_kept_projects_are_listed(upstream: Upstream, node: Worker) -> None:
    """An upstream's project is on the list when its page is kept, and off when that is gone."""
    upstream.add(wheel("demo", "1.0"))
    assert listed(await node.roots.get("main")) == {}
    shown = await node.shelf.get("main", ProjectName("demo"))
    await node.catalog.pulse.settle()
    assert listed(await node.roots.get("main")) == {"demo": shown.sight.told}
    await node.catalog.pages.gone("pypi", ProjectName("demo"), node.view.clock())
    await node.catalog.pulse.settle()

    root = await node.roots.get("main")
    assert listed(root) == {}
    assert root.roll.serial == newest(node.catalog)


async def test_the_first_owner_s_serial_is_listed(upstream: Upstream, employ: Employ) -> None:
    """The list names the serial that the page names, also when a private name takes over."""
    node = await employ(Options(indexes=TWO))
    upstream.add(wheel("demo", "1.0"))
    await node.shelf.get("main", ProjectName("demo"))
    await publish(node, "demo", index="team")
    upstream.add(wheel("demo", "2.0"))
    await node.pypi.page(ProjectName("demo"))

    shown = await node.shelf.get("main", ProjectName("demo"))
    assert shown.sight.owner == "team"
    assert listed(await node.roots.get("main")) == {"demo": shown.sight.told}


async def test_an_emptied_project_is_off_the_list(upstream: Upstream, node: Worker) -> None:
    """A project without files is not listed, nor is an upstream's that has its name."""
    upstream.add(wheel("demo", "1.0"))
    await node.shelf.get("main", ProjectName("demo"))
    await publish(node, "demo")
    await remove(node.catalog, "demo-1.0.tar.gz")
    await node.catalog.pulse.settle()
    assert listed(await node.roots.get("main")) == {}

    fresh = Roots(node.view, node.catalog.ledger, node.catalog.journal, node.catalog.pulse)
    assert listed(await fresh.get("main")) == {}


async def test_what_an_index_says_of_a_project_is_a_change_to_it(
    upstream: Upstream, employ: Employ
) -> None:
    """A mark counts for the index that made it and those above, on page and list alike."""
    node = await employ(Options(indexes=TWO))
    upstream.add(wheel("demo", "1.0"))
    await node.shelf.get("main", ProjectName("demo"))
    await publish(node, "own", index="team")
    bob = Deed(who="bob", at=node.view.clock())
    await node.catalog.stewardship.mark(part(version="1.0"), bob, yanked=True)
    await node.catalog.stewardship.mark(part(version="1.0", index="team"), bob, yanked=True)
    await node.catalog.stewardship.declare("team", ProjectName("own"), Status.ARCHIVED, bob)
    await node.catalog.stewardship.declare("main", ProjectName("own"), Status.DEPRECATED, bob)
    await node.catalog.pulse.settle()

    for index, project in (("main", "demo"), ("main", "own"), ("team", "own")):
        shown = await node.shelf.get(index, ProjectName(project))
        assert listed(await node.roots.get(index))[ProjectName(project)] == shown.sight.told
    team = await node.shelf.get("team", ProjectName("own"))
    assert team.sight.told == newest(node.catalog) - 1


async def test_a_list_made_anew_is_the_same(employ: Employ, upstream: Upstream) -> None:
    """Followed from the start or read at once, the list is byte for byte the same."""
    node = await employ(Options(indexes=TWO))
    upstream.add(wheel("demo", "1.0"))
    for step, project in enumerate("abcabd"):
        await publish(node, project, str(step), ("main", "team")[step % 2])
        await node.shelf.get("main", ProjectName("demo"))
        await node.roots.get("main")
    fresh = Roots(node.view, node.catalog.ledger, node.catalog.journal, node.catalog.pulse)

    assert (await fresh.get("main")).roll == (await node.roots.get("main")).roll


async def test_many_who_ask_at_once_share_one_look(node: Worker) -> None:
    """However many ask for a list that is not there yet, it is made once."""
    await publish(node, "one")
    found = await asyncio.gather(*(node.roots.get("main") for _ in range(50)))

    assert len({id(root) for root in found}) == 1


async def test_lists_are_bounded_in_bytes(employ: Employ) -> None:
    """Of many indexes' lists, the one asked for least recently goes when there is no room."""
    node = await employ(Options(indexes=TWO))
    await publish(node, "one", index="team")
    roots = Roots(
        node.view, node.catalog.ledger, node.catalog.journal, node.catalog.pulse, max_bytes=1
    )
    main, team = await roots.get("main"), await roots.get("team")

    assert (main.holds, team.holds) == (False, True)
    assert roots.peek("main") is None
    assert roots.current(team)


async def test_an_unknown_index_has_no_list(node: Worker) -> None:
    """What is no index is told so."""
    with pytest.raises(NoSuchIndex):
        await node.roots.get("nowhere")
