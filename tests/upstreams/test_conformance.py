"""What every kind of upstream promises, tried on each that lies in the folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from cloche import kinds as modules
from cloche import upstreams
from cloche.core.errors import (
    BadSetting,
    NoSuchFile,
    NoSuchProject,
    TransferBroken,
    UpstreamDown,
    UpstreamLies,
)
from cloche.core.model import ProjectName
from cloche.ports import Upstream as Port
from tests.packages import wheel
from tests.upstream import kinds
from tests.upstream.controller import Upstream
from tests.upstreams.samples import (
    DEMO,
    FILE,
    KINDS,
    NAME,
    Kind,
    Scene,
    artifact,
    connected,
    content,
    fetched,
    parsed,
)

pytestmark = pytest.mark.anyio

SILENT = {"bundle"}  # it has what is kept already: test_bundle.py
ALL = [kind for kind in modules.names(upstreams) if kind not in SILENT]
REMOTE = [kind for kind, how in KINDS.items() if how.page]
over_http = pytest.mark.parametrize("kind", REMOTE, indirect=True)


def test_every_kind_is_tried() -> None:
    """A kind of upstream that these tests cannot set up would be untested."""
    assert set(ALL) == {kind.partition(" ")[0] for kind in KINDS}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def how(kind: str) -> Kind:
    return KINDS[kind]


@pytest.fixture
def scene(how: Kind, request: pytest.FixtureRequest, upstream: Upstream, tmp_path: Path) -> Scene:
    return how.scene(request, upstream, tmp_path)


@pytest.fixture
async def port(kind: str, scene: Scene) -> AsyncIterator[Port]:
    made = connected(kind, scene)
    scene.add(DEMO)
    yield made
    await made.close()


async def test_a_project_s_page(port: Port, how: Kind) -> None:
    """The page lists the project's files, with addresses that lead to them."""
    received = await port.page(NAME, None)
    (file,) = parsed(received).files

    assert file.filename == DEMO.filename
    assert file.sha256 == (DEMO.sha256 if how.hashes else None)
    assert file.core_metadata == ({"sha256": DEMO.metadata_sha256} if how.hashes else True)
    assert received.etag
    assert received.max_age == how.max_age


async def test_its_name(port: Port) -> None:
    """An upstream goes by the name that the operator gave it."""
    assert port.name == "pypi"


async def test_a_page_that_has_not_changed(kind: str, port: Port, scene: Scene, how: Kind) -> None:
    """A page with the ETag that is known is not sent again; a changed one is."""
    received = await port.page(NAME, None)
    same = await port.page(NAME, received.etag)
    assert (same.document, same.etag, same.max_age) == (None, received.etag, how.max_age)

    scene.add(wheel("demo", "2.0"))
    later = connected(kind, scene)  # which has not just looked
    changed = await later.page(NAME, received.etag)
    await later.close()

    assert len(parsed(changed).files) == 2
    assert changed.etag != received.etag


async def test_a_project_that_is_not_there(port: Port) -> None:
    """An upstream that says so has no such project."""
    with pytest.raises(NoSuchProject, match="other"):
        await port.page(ProjectName("other"), None)


@over_http
async def test_one_page_is_asked_for_and_nothing_else(
    port: Port, how: Kind, upstream: Upstream
) -> None:
    """No list of all projects is needed for a page."""
    await port.page(NAME, None)
    assert [one.path for one in upstream.requests()] == [how.page]


async def test_an_upstream_that_cannot_be_reached(kind: str, port: Port, scene: Scene) -> None:
    """Pages and files of an upstream that is not there are an outage, and it may come back."""
    wanted = await artifact(port)
    later = connected(kind, scene)  # which has not just looked
    with scene.down():
        with pytest.raises(UpstreamDown):
            await later.page(NAME, None)
        with pytest.raises(TransferBroken):
            await fetched(port, wanted)
    assert (await fetched(port, await artifact(later)))[1] == DEMO.content
    await later.close()


async def test_a_file(port: Port) -> None:
    """A file comes whole, and says how long it is and what to resume it with."""
    transfer, data = await fetched(port, await artifact(port))

    assert data == DEMO.content
    assert (transfer.start, transfer.total) == (0, DEMO.size)
    assert transfer.etag is not None


async def test_the_rest_of_a_file(port: Port) -> None:
    """A transfer may begin in the middle of the file that it began with."""
    wanted = await artifact(port)
    whole, _ = await fetched(port, wanted)
    transfer, data = await fetched(port, wanted, 150_000, whole.etag)

    assert (transfer.start, transfer.total) == (150_000, DEMO.size)
    assert data == DEMO.content[150_000:]


async def test_the_rest_of_a_file_that_has_changed(port: Port) -> None:
    """What is not the same any more comes from its beginning."""
    transfer, data = await fetched(port, await artifact(port), 150_000, '"another"')

    assert (transfer.start, data) == (0, DEMO.content)


@pytest.mark.parametrize("start", [DEMO.size, DEMO.size + 1])
async def test_a_file_from_beyond_its_end(port: Port, start: int) -> None:
    """What cannot be resumed where it is asked for comes from its beginning."""
    transfer, data = await fetched(port, await artifact(port), start)

    assert (transfer.start, data) == (0, DEMO.content)


async def test_a_file_that_is_there_no_more(port: Port, scene: Scene) -> None:
    """A file that the upstream has deleted is missing, from its start or its middle."""
    wanted = await artifact(port)
    scene.remove(DEMO)
    for start in (0, 10):
        with pytest.raises(NoSuchFile, match=DEMO.filename):
            await fetched(port, wanted, start)


@over_http
async def test_a_transfer_that_is_cut(port: Port, upstream: Upstream) -> None:
    """A connection that ends early is told from a file that does."""
    wanted = await artifact(port)
    upstream.misbehave(FILE, kinds.Cut(after=100_000))
    with pytest.raises(TransferBroken):
        await fetched(port, wanted)


@over_http
async def test_a_transfer_that_stalls(port: Port, upstream: Upstream) -> None:
    """An upstream that stops sending is given up in time."""
    wanted = await artifact(port)
    upstream.misbehave(FILE, kinds.Stalled(after=100_000))
    with pytest.raises(TransferBroken):
        await fetched(port, wanted)


async def test_a_transfer_that_is_left(port: Port, upstream: Upstream) -> None:
    """Leaving a transfer early ends it upstream, and disturbs none after it."""
    wanted = await artifact(port)
    with upstream.gate(FILE, after=100_000, times=1):
        async with port.transfer(wanted, 0, None) as transfer:
            assert await anext(transfer.chunks)
        assert (await fetched(port, wanted))[1] == DEMO.content


async def test_many_transfers_at_once(port: Port) -> None:
    """Each of several transfers gets its own bytes."""
    wanted = await artifact(port)
    async with port.transfer(wanted, 0, None) as one, port.transfer(wanted, 7, None) as two:
        assert (await content(two), await content(one)) == (DEMO.content[7:], DEMO.content)


async def test_closing_twice(port: Port) -> None:
    """Connections are given back once, and a second time is harmless."""
    await port.page(NAME, None)
    await port.close()
    await port.close()


async def test_closing_what_was_never_used(kind: str, scene: Scene) -> None:
    """An upstream that nobody asked has nothing to give back."""
    await connected(kind, scene).close()


def test_bad_settings_are_said_at_the_start(kind: str, scene: Scene, how: Kind) -> None:
    """An upstream that can never work is refused before it is asked anything."""
    with pytest.raises(BadSetting, match="pypi"):
        connected(kind, scene, **how.bad)


async def test_metadata(port: Port) -> None:
    """A wheel's metadata comes from beside the wheel, as its page promises."""
    of = await artifact(port)
    path, mark, query = of.url.partition("?")
    url = f"{path}.metadata{mark}{query}"
    beside = replace(of, filename=f"{of.filename}.metadata", url=url)

    assert (await fetched(port, replace(beside, size=None)))[1] == DEMO.metadata


async def test_a_file_at_no_address(port: Port) -> None:
    """An address that is none is refused, not looked for."""
    wanted = replace(await artifact(port), url="http://[::1/demo")
    with pytest.raises(UpstreamLies, match="leads nowhere"):
        await fetched(port, wanted)
