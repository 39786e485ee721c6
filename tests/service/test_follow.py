"""Following another server: what is done, in which order, and what is not believed."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from cloche.blobs.file import connect as open_blobs
from cloche.catalog import Catalog, connect
from cloche.core.errors import DigestMismatch, NoSuchBlob, OtherJournal, UpstreamDown, UpstreamLies
from cloche.core.following import Position, Stretch
from cloche.core.model import Digest, ProjectName, Upload
from cloche.ports import Blobs, Deed
from cloche.service.follow import AT_ONCE, Follow
from cloche.service.former import Former
from cloche.spool import Spool
from tests.catalog.samples import DEMO, NOON, remove, sha256, upload

pytestmark = pytest.mark.anyio

URL = "http://primary/main/"


@dataclass
class FakePrimary:
    """A catalog as its server tells it; bytes are the words that they are the digests of."""

    catalog: Catalog
    kept: dict[Digest, bytes] = field(default_factory=dict)
    fetched: list[Digest] = field(default_factory=list)
    stuck: set[Digest] = field(default_factory=set)
    waits: asyncio.Event = field(default_factory=asyncio.Event)
    store: str | None = None
    url = URL

    async def publish(self, made: Upload, *words: str) -> None:
        self.kept |= {sha256(each): each.encode() for each in words}
        await self.catalog.ledger.publish(made)

    async def stretch(self, since: Position | None, most: int, wait: float) -> Stretch:  # noqa: ARG002 - the port's signature
        found = await self.catalog.followable.stretch("main", since, most, NOON)
        if self.store is None:
            return found
        return replace(found, reached=replace(found.reached, store=self.store))

    async def fetch(self, digest: Digest, most: int) -> AsyncIterator[bytes]:
        self.fetched.append(digest)
        if digest in self.stuck:
            self.waits.set()
            await asyncio.Event().wait()
        if digest not in self.kept:
            raise NoSuchBlob(f"no bytes of {digest}")
        assert len(self.kept[digest]) <= most
        yield self.kept[digest]

    async def close(self) -> None:
        pass


@pytest.fixture
async def primary(tmp_path: Path) -> AsyncIterator[FakePrimary]:
    opened = connect(f"sqlite:///{tmp_path}/primary.db")
    yield FakePrimary(opened)
    await opened.close()


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Catalog]:
    opened = connect(f"sqlite:///{tmp_path}/here.db")
    yield opened
    await opened.close()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return open_blobs((tmp_path / "blobs").as_uri(), {})


@pytest.fixture
async def follow(tmp_path: Path, primary: FakePrimary, here: Catalog, blobs: Blobs) -> Follow:
    made = Follow(
        index="main",
        upstream="primary",
        primary=primary,
        pursuits=here.pursuits,
        blobs=blobs,
        upkeep=here.upkeep,
        spool=Spool(tmp_path / "spool"),
        clock=lambda: NOON,
        node="here",
    )
    await made.begin()
    return made


def made(version: str, **other: Any) -> tuple[Upload, str, str]:
    """An upload, its bytes and its metadata."""
    said = f"bytes of {version}"
    upload_ = upload(version=version, said=said, hashes={"sha256": sha256(said)}, **other)
    return upload_, said, f"metadata of {said}"


async def shown(catalog: Catalog) -> list[str]:
    own = await catalog.ledger.own("main", DEMO)
    return [each.version for each in own.uploads or ()]


async def read(blobs: Blobs, digest: Digest, size: int) -> bytes:
    return b"".join([chunk async for chunk in blobs.read(digest, 0, size)])


async def test_bytes_come_first(
    follow: Follow, primary: FakePrimary, here: Catalog, blobs: Blobs
) -> None:
    """All that a step needs is here when it is shown, also more than comes at once."""
    for number in range(AT_ONCE + 5):
        await primary.publish(*made(f"{number}.0"))

    stretch = await follow.catch_up()

    assert stretch is not None
    assert len(await shown(here)) == AT_ONCE + 5
    for each in (await here.ledger.own("main", DEMO)).uploads or ():
        assert await read(blobs, each.digest, each.size) == primary.kept[each.digest]
        assert each.metadata is not None
        assert await blobs.size(each.metadata)


async def test_wrong_bytes(
    follow: Follow, primary: FakePrimary, here: Catalog, blobs: Blobs
) -> None:
    """Bytes of another digest are not kept, and their step is not done; those before it are."""
    for version in ("1.0", "2.0", "3.0"):
        await primary.publish(*made(version))
    wrong = sha256("bytes of 2.0")
    primary.kept[wrong] = b"evil"

    with pytest.raises(DigestMismatch):
        await follow.catch_up()

    assert await shown(here) == ["1.0"]
    assert await blobs.size(wrong) is None
    primary.kept[wrong] = b"bytes of 2.0"
    await follow.catch_up()
    assert await shown(here) == ["1.0", "2.0", "3.0"]


async def test_another_hash(follow: Follow, primary: FakePrimary, here: Catalog) -> None:
    """Every digest that is told is held against the bytes, not the sha256 alone."""
    upload_, *words = made("1.0")
    await primary.publish(replace(upload_, hashes={"md5": "0" * 32}), *words)
    with pytest.raises(DigestMismatch, match="md5"):
        await follow.catch_up()
    assert await shown(here) == []


async def test_lost_bytes(follow: Follow, primary: FakePrimary, here: Catalog) -> None:
    """What the primary has lost is named, with the cure; once it is deleted there, all goes on."""
    await primary.publish(made("1.0")[0], "metadata of bytes of 1.0")
    await primary.publish(*made("2.0"))
    with pytest.raises(UpstreamLies, match=r"lost bytes of demo-1.0.tar.gz .* delete there"):
        await follow.catch_up()

    await remove(primary.catalog, "demo-1.0.tar.gz")
    await follow.catch_up()

    assert await shown(here) == ["2.0"]
    assert sha256("bytes of 1.0") in primary.fetched
    assert primary.fetched.count(sha256("bytes of 1.0")) == 1


async def test_what_is_here_is_not_fetched(follow: Follow, primary: FakePrimary) -> None:
    """Bytes that something here needs already come no second time."""
    await primary.publish(*made("1.0"))
    await follow.catch_up()
    other = made("1.0", project=ProjectName("demo"), filename="demo-1.0.zip")
    await primary.publish(*other)
    primary.fetched.clear()

    await follow.catch_up()

    assert primary.fetched == []


async def test_interrupted(follow: Follow, primary: FakePrimary, here: Catalog) -> None:
    """Cut off anywhere, it goes on with what was not done."""
    for number in range(50):
        await primary.publish(*made(f"{number}.0"))
    primary.stuck.add(sha256("bytes of 40.0"))
    going = asyncio.create_task(follow.catch_up())
    await primary.waits.wait()
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    before = await shown(here)
    assert 0 < len(before) < 50

    primary.stuck.clear()
    primary.fetched.clear()
    await follow.catch_up()

    assert await shown(here) == [f"{number}.0" for number in range(50)]
    assert not {sha256(f"bytes of {version}") for version in before} & set(primary.fetched)


async def test_other_data(follow: Follow, primary: FakePrimary, here: Catalog) -> None:
    """A server that says that it is another is not followed, whatever it tells."""
    await primary.publish(*made("1.0"))
    await follow.catch_up()
    await primary.publish(*made("2.0"))
    primary.store = "another"
    with pytest.raises(OtherJournal, match="other data"):
        await follow.catch_up()
    assert await shown(here) == ["1.0"]


async def test_trouble_ends(follow: Follow, primary: FakePrimary, here: Catalog) -> None:
    """For ever: what fails is tried again, and known as long as it does; promotion is the end."""
    await primary.publish(made("1.0")[0])
    running = asyncio.create_task(follow.run())
    await _trouble(here, comes=True)
    assert "lost bytes" in ((await here.pursuits.all())[0].trouble or "")
    primary.kept |= {sha256(each): each.encode() for each in made("1.0")[1:]}
    await _trouble(here, comes=False)
    assert await shown(here) == ["1.0"]
    await here.pursuits.promote("main", Deed(who="ann", at=NOON))
    await running


async def test_another_node_goes_on(
    follow: Follow, primary: FakePrimary, here: Catalog, tmp_path: Path
) -> None:
    """At once, when the one that followed has ended well; it need not wait for its lease."""
    there = dataclasses.replace(follow, node="there", spool=Spool(tmp_path / "there"))
    await primary.publish(*made("1.0"))
    assert await follow.catch_up() is not None
    await primary.publish(*made("2.0"))
    assert await there.catch_up() is not None
    assert await shown(here) == ["1.0", "2.0"]

    begun = asyncio.Event()
    running = asyncio.create_task(follow.run(lambda _: begun.set()))
    await begun.wait()
    assert await there.catch_up() is None
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await primary.publish(*made("3.0"))

    assert await there.catch_up() is not None
    assert await shown(here) == ["1.0", "2.0", "3.0"]


async def test_the_former_primary(follow: Follow, primary: FakePrimary, here: Catalog) -> None:
    """After the promotion, what happens there never comes here, and is told as trouble."""
    await primary.publish(*made("1.0"))
    await follow.catch_up()
    await here.pursuits.fail("main", "it is down")
    await here.pursuits.promote("main", Deed(who="ann", at=NOON))
    former = Former(follow)
    assert not await former.look()
    assert (await here.pursuits.all())[0].trouble is None

    await primary.publish(*made("2.0"))

    assert await former.look()
    assert "never came here" in ((await here.pursuits.all())[0].trouble or "")
    assert await shown(here) == ["1.0"]


async def _trouble(here: Catalog, *, comes: bool) -> None:
    async with asyncio.timeout(60):
        while bool((await here.pursuits.all())[0].trouble) != comes:  # noqa: ASYNC110 - it is in a database
            await asyncio.sleep(0.01)


async def test_nobody_answers(follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
    """A primary that is down is no reason to forget anything."""

    async def down(*_: object) -> Stretch:
        raise UpstreamDown("it is down")

    monkeypatch.setattr(FakePrimary, "stretch", down)
    with pytest.raises(UpstreamDown):
        await follow.catch_up()
