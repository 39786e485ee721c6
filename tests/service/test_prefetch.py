"""Guessing ahead: what follows from what a client reads is fetched, once, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

import pytest
from msgspec.structs import replace

from cloche.core.model import File, Page, ProjectName
from cloche.ports import Foretelling
from cloche.service.foresight import Foresight
from cloche.service.prefetch import Prefetch, dependencies, newest_wheel
from cloche.service.shelf import Shown
from tests.catalog.samples import upload
from tests.packages import wheel
from tests.service.worker import Worker
from tests.upstream import kinds
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

LEAF = wheel("leaf", "1.0")
MIDDLE = wheel("middle", "2.0", requires=("leaf>=1", 'never; python_version < "3"'))
TOP_OLD = wheel("top", "1.0", requires=("forgotten",))
TOP = wheel("top", "2.0", requires=("Middle", 'extra-only; extra == "more"'))


@pytest.fixture
def chain(upstream: Upstream) -> None:
    """Top needs middle, which needs leaf."""
    for built in (LEAF, MIDDLE, TOP_OLD, TOP):
        upstream.add(built)


@pytest.fixture
async def prefetch(node: Worker) -> AsyncIterator[Prefetch]:
    ahead = Prefetch(node.shelf, node.files, 1 << 20)
    yield ahead
    await ahead.close()


async def show(node: Worker, project: str) -> Shown:
    return await node.shelf.get("main", ProjectName(project))


async def asked(upstream: Upstream, path: str) -> None:
    """Return when the upstream has been asked for it."""
    await asyncio.to_thread(upstream.wait_for, 1, path)


@pytest.mark.usefixtures("chain")
async def test_a_page_leads_to_the_whole_chain(
    upstream: Upstream, node: Worker, prefetch: Prefetch
) -> None:
    """Who reads a page will have the newest metadata and the dependencies' pages there."""
    prefetch.page_read(await show(node, "top"))

    await asked(upstream, upstream.file(LEAF) + ".metadata")
    paths = {one.path for one in upstream.requests()}
    assert paths == {
        *(upstream.page(name) for name in ("top", "middle", "leaf")),
        *(f"{upstream.file(built)}.metadata" for built in (TOP, MIDDLE, LEAF)),
    }


@pytest.mark.usefixtures("chain")
async def test_each_thing_is_guessed_once(
    upstream: Upstream, node: Worker, prefetch: Prefetch
) -> None:
    """Reading the same page again asks the upstream for nothing."""
    shown = await show(node, "leaf")
    prefetch.page_read(shown)
    await asked(upstream, upstream.file(LEAF) + ".metadata")
    before = len(upstream.requests())

    for _ in range(10):
        prefetch.page_read(shown)
    await show(node, "middle")

    assert len(upstream.requests()) == before + 1


@pytest.mark.usefixtures("chain")
async def test_metadata_leads_to_its_file(
    upstream: Upstream, node: Worker, prefetch: Prefetch
) -> None:
    """Who reads a file's metadata will find the file there."""
    shown = await show(node, "leaf")
    name = shown.page.name
    wanted = await node.files.find(
        "main", name, shown.page.files[0].key, f"{LEAF.filename}.metadata"
    )

    prefetch.metadata_read("main", name, wanted)

    await asked(upstream, upstream.file(LEAF))


async def test_a_large_file_is_not_guessed(upstream: Upstream, node: Worker) -> None:
    """A file beyond the bound waits until somebody asks for it."""
    big, small = wheel("big", "1.0", size=5000), wheel("small", "1.0", size=2000)
    upstream.add(big)
    upstream.add(small)
    ahead = Prefetch(node.shelf, node.files, 3000)
    for built in (big, small):
        shown = await show(node, built.project)
        file = shown.page.files[0]
        beside = f"{file.filename}.metadata"
        wanted = await node.files.find("main", shown.page.name, file.key, beside)
        ahead.metadata_read("main", shown.page.name, wanted)

    await asked(upstream, upstream.file(small))
    assert not [one for one in upstream.requests() if one.path == upstream.file(big)]
    await ahead.close()


async def test_a_private_project_is_never_guessed_about(
    upstream: Upstream, node: Worker, prefetch: Prefetch
) -> None:
    """What is uploaded here leads to no question outward: not even its dependencies' names."""
    await node.catalog.ledger.publish(upload("private"))
    await node.catalog.pulse.settle()

    prefetch.page_read(await show(node, "private"))
    await prefetch.close()

    assert upstream.requests() == []


@pytest.mark.usefixtures("chain")
async def test_a_page_s_metadata_is_asked_for_before_the_page_is_kept(
    upstream: Upstream, node: Worker
) -> None:
    """What a client will ask next is on its way while the page is written down."""
    ahead = Prefetch(node.shelf, node.files, 1 << 20, unruled=frozenset({"pypi"}))
    page = (await show(node, "top")).page

    with ahead.reading("main", page.name):
        ahead.page_came("pypi", page)

    await asked(upstream, upstream.file(TOP) + ".metadata")
    await ahead.close()
    assert {one.path for one in upstream.requests()} == {
        upstream.page("top"),
        upstream.file(TOP) + ".metadata",
    }


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("why", ["ruled", "quarantined", "off", "unread"])
async def test_what_may_be_withheld_is_not_asked_for_early(
    upstream: Upstream, node: Worker, why: str
) -> None:
    """Nor where nobody reads the page: who asks for a file alone wants nothing else."""
    unruled = frozenset() if why == "ruled" else frozenset({"pypi"})
    most = 0 if why == "off" else 1 << 20
    ahead = Prefetch(node.shelf, node.files, most, unruled=unruled)
    page = (await show(node, "top")).page

    with nullcontext() if why == "unread" else ahead.reading("main", page.name):
        came = replace(page, status="quarantined") if why == "quarantined" else page
        ahead.page_came("pypi", came)

    await ahead.close()
    assert [one.path for one in upstream.requests()] == [upstream.page("top")]


@asynccontextmanager
async def foreseeing(
    node: Worker, most: int = 1 << 20, unruled: frozenset[str] = frozenset({"pypi"})
) -> AsyncIterator[Prefetch]:
    """As the server does it: told of each page that is asked for, and of each that came."""
    (cached,) = node.cached.values()
    assert isinstance(cached.upstream, Foretelling)
    ahead = Prefetch(
        node.shelf,
        node.files,
        most,
        foresight=Foresight({"pypi": cached.upstream}),
        unruled=unruled,
    )
    cached.asked, cached.came = ahead.page_asked, ahead.page_came
    try:
        yield ahead
    finally:
        await ahead.close()


@pytest.mark.usefixtures("chain")
async def test_what_is_required_is_known_before_the_page_has_come(
    upstream: Upstream, node: Worker
) -> None:
    """While the upstream still holds a project's page back, those that it requires come."""
    async with foreseeing(node) as ahead:
        with upstream.gate(upstream.page("top")), ahead.reading("main", ProjectName("top")):
            reading = asyncio.ensure_future(show(node, "top"))
            await asked(upstream, upstream.file(LEAF) + ".metadata")
            assert not reading.done()
        await reading
    assert upstream.requests(upstream.document("middle"))


@pytest.mark.usefixtures("chain")
async def test_what_was_foreseen_is_not_read_for_again(upstream: Upstream, node: Worker) -> None:
    """Each thing is asked for once, whichever way it was heard of."""
    async with foreseeing(node) as ahead:
        with ahead.reading("main", ProjectName("top")):
            shown = await show(node, "top")
        ahead.page_read(shown)
        await asked(upstream, upstream.file(LEAF) + ".metadata")
        ahead.page_read(shown)
    paths = [one.path for one in upstream.requests()]
    assert sorted(paths) == sorted(
        path
        for built in (TOP, MIDDLE, LEAF)
        for path in (
            upstream.page(built.project),
            upstream.document(built.project),
            f"{upstream.file(built)}.metadata",
        )
    )


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("why", ["unread", "off", "known"])
async def test_nobody_asks_what_nobody_needs(upstream: Upstream, node: Worker, why: str) -> None:
    """Not for a file alone, not when guessing is off, and not for a page that is here already."""
    project = ProjectName("leaf")
    if why == "known":
        await show(node, "leaf")
    async with foreseeing(node, 0 if why == "off" else 1 << 20) as ahead:
        with nullcontext() if why == "unread" else ahead.reading("main", project):
            await show(node, "leaf")
    assert upstream.requests(upstream.document("leaf")) == []


@pytest.mark.usefixtures("chain")
async def test_what_is_foreseen_withholds_nothing_and_shows_nothing(
    upstream: Upstream, node: Worker
) -> None:
    """An upstream that says there what its page does not changes no page: it is a guess."""
    said = b'{"info": {"requires_dist": ["leaf", "no-such-project", "../evil", "middle; bad"]}}'
    upstream.misbehave(upstream.document("top"), kinds.Verbatim(content=said))
    async with foreseeing(node) as ahead:
        with ahead.reading("main", ProjectName("top")):
            shown = await show(node, "top")
        await asked(upstream, upstream.page("no-such-project"))
    assert [file.filename for file in shown.page.files] == [TOP_OLD.filename, TOP.filename]
    assert not [one for one in upstream.requests() if "evil" in one.path]


@pytest.mark.usefixtures("chain")
async def test_zero_turns_it_off(upstream: Upstream, node: Worker) -> None:
    """With a bound of nothing, nothing is guessed."""
    shown = await show(node, "top")
    off = Prefetch(node.shelf, node.files, 0)
    off.page_read(shown)
    await off.close()

    assert [one.path for one in upstream.requests()] == [upstream.page("top")]


async def test_a_guess_that_fails_costs_nobody_anything(
    upstream: Upstream, node: Worker, prefetch: Prefetch
) -> None:
    """Metadata that is missing, or makes no sense, ends the guessing and nothing more."""
    upstream.add(wheel("odd", "1.0", metadata=b"\xff no metadata at all"))
    shown = await show(node, "odd")
    prefetch.page_read(shown)
    await asked(upstream, upstream.page("odd"))

    assert await show(node, "odd") is shown


@pytest.mark.parametrize(
    ("names", "newest"),
    [
        (["a-1.0-py3-none-any.whl", "a-1.10-py3-none-any.whl", "a-1.9-py3-none-any.whl"], 1),
        (["a-1.0-py3-none-any.whl", "a-2.0rc1-py3-none-any.whl"], 0),
        (["a-1.0.tar.gz"], None),
        (["a-1.0-py3-none-any.whl", "not a name.whl"], 0),
        ([], None),
    ],
)
def test_the_newest_wheel(names: list[str], newest: int | None) -> None:
    """The newest final wheel is what an installer would look at first."""
    files = tuple(File(filename=name) for name in names)

    found = newest_wheel(Page(name=ProjectName("a"), files=files))

    assert found == (None if newest is None else files[newest])


def test_a_yanked_wheel_is_not_the_newest() -> None:
    """A yanked file is nobody's first choice (PEP 592)."""
    old = File(filename="a-1.0-py3-none-any.whl")
    new = File(filename="a-2.0-py3-none-any.whl", yanked=True)

    assert newest_wheel(Page(name=ProjectName("a"), files=(old, new))) == old


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe", b"Metadata-Version: 9", b"Name: x\n\n" * 9])
def test_no_metadata_no_dependencies(raw: bytes) -> None:
    """Metadata that cannot be read names nothing."""
    assert dependencies(raw) == []


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (b"Requires-Dist: Some.Name[more]<3,>=1", ["some-name"]),
        (b"requires-dist:bare\r", ["bare"]),
        (b"Requires-Dist: direct @ file:///a.whl ; python_version > '3'", ["direct"]),
        (b"Requires-Dist: more; extra == 'more'", []),
        (b"Requires-Dist: old; python_version < '3'", []),
        (b"Requires-Dist: odd; nonsense", []),
        (b"Requires-Dist: deep; " + b"(" * 900, []),
        (b"Requires-Dist: \xff", []),
        (b"\nRequires-Dist: told-of-in-the-description", []),
    ],
)
def test_what_is_required_here(line: bytes, names: list[str]) -> None:
    """Dependencies are what the fields require on this machine without extras, and no prose."""
    assert dependencies(b"Name: x\n" + line + b"\nVersion: 1\n") == names
