"""Bringing what requirements and lock files name, from a real upstream to a real store."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from cloche.core.choosing import Rules
from cloche.core.model import ProjectName, Upload
from cloche.core.requirements_file import read
from cloche.core.targets import targets
from cloche.core.wants import Named, Want
from cloche.service.gather import Came, Event, Gather, Had, Lacked, Looked
from tests.packages import Built, sdist, wheel
from tests.service.full_disk import room_for
from tests.service.worker import Employ, Options, Worker, digest_of, everything
from tests.upstream import kinds
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

RULES = Rules(targets=targets(["manylinux_2_17_x86_64"]))
SALT = wheel("salt", "1.0", size=300_000)
SALT_SDIST = sdist("salt", "1.0")
EGGS = wheel("eggs", "1.5")


@pytest.fixture(autouse=True)
def listed(upstream: Upstream) -> None:
    upstream.add(SALT)
    upstream.add(SALT_SDIST, metadata=False)
    upstream.add(EGGS)


async def told(
    node: Worker, *lines: str, wants: tuple[Want, ...] = (), jobs: int = 4
) -> list[Event]:
    wanted = [*read("\n".join(lines)).wants, *wants]
    gather = Gather(node.shelf, node.files)
    return [event async for event in gather.bring("main", wanted, RULES, jobs=jobs)]


def had(events: list[Event]) -> dict[str, bool]:
    """Each file that is kept now, and whether it had to be fetched."""
    return {event.filename: event.fetched for event in events if isinstance(event, Had)}


def lacked(events: list[Event]) -> list[tuple[str, str | None, str]]:
    return [(e.says, e.filename, e.why) for e in events if isinstance(e, Lacked)]


def locked(*files: Built, sha256: str = "") -> Want:
    named = tuple(
        Named(filename=f.filename, hashes=(("sha256", sha256 or f.sha256),)) for f in files
    )
    return Want(project=ProjectName(files[0].project), says=files[0].name, files=named)


async def offline_bytes(node: Worker, built: Built) -> bytes:
    """The file as a client would get it by its URL."""
    shown = await node.shelf.get("main", ProjectName(built.project))
    file = shown.page.find(built.filename)
    assert file is not None
    wanted = await node.files.find("main", shown.page.name, file.key, file.filename)
    return await everything(await node.files.open(wanted, 0, None))


async def test_what_was_brought_is_there_without_the_upstream(
    upstream: Upstream, employ: Employ
) -> None:
    """Page, files and metadata of what was brought are served offline, by another worker."""
    events = await told(await employ(), "salt==1.0", "eggs")
    upstream.forget()
    other = await employ(Options(offline=True))

    assert had(events) == {SALT.filename: True, SALT_SDIST.filename: True, EGGS.filename: True}
    assert lacked(events) == []
    for built in (SALT, SALT_SDIST, EGGS):
        assert await offline_bytes(other, built) == built.content
    shown = await other.shelf.get("main", ProjectName("salt"))
    key = shown.by_name[SALT.filename].key
    beside = await other.files.find("main", shown.page.name, key, f"{SALT.filename}.metadata")
    assert await everything(await other.files.open(beside, 0, None)) == SALT.metadata
    assert upstream.requests() == []


async def test_a_second_time_nothing_is_fetched(upstream: Upstream, node: Worker) -> None:
    """What is here is not asked for again, by this run or the next."""
    await told(node, "salt==1.0", "salt", "eggs")
    upstream.forget()

    events = await told(node, "salt==1.0", "salt", "eggs")

    assert had(events) == {SALT.filename: False, SALT_SDIST.filename: False, EGGS.filename: False}
    assert upstream.requests("/files/") == []


async def test_numbers_add_up(node: Worker) -> None:
    """The bytes that come are those of the files that were announced."""
    events = await told(node, "salt==1.0", "eggs")

    looked = [event for event in events if isinstance(event, Looked)]
    assert {event.project: event.files for event in looked} == {"salt": 2, "eggs": 1}
    sizes = SALT.size + SALT_SDIST.size + EGGS.size
    assert sum(event.size for event in looked) == sizes
    assert sum(event.size for event in events if isinstance(event, Came)) == sizes
    assert sum(event.size for event in events if isinstance(event, Had)) == sizes


async def test_exactly_the_files_that_are_named(upstream: Upstream, node: Worker) -> None:
    """Of a lock come its files, for whatever platform, and no other."""
    mac = wheel("salt", "1.0", tag="cp311-cp311-macosx_11_0_arm64")
    upstream.add(mac)

    events = await told(node, wants=(locked(mac, SALT_SDIST),))

    assert had(events) == {mac.filename: True, SALT_SDIST.filename: True}
    fetched = {r.path.rpartition("/")[2] for r in upstream.requests("/files/")}
    assert fetched == {mac.filename, f"{mac.filename}.metadata", SALT_SDIST.filename}


async def test_what_no_source_has(node: Worker) -> None:
    """What the index does not have lacks, with the reason, whatever else is had."""
    events = await told(node, "salt==1.0", "pepper==1", "salt>7")

    assert had(events).keys() == {SALT.filename, SALT_SDIST.filename}
    assert set(lacked(events)) == {
        ("salt>7", None, "the index has no version of salt that satisfies >7 for these"),
        ("pepper==1", None, "index main has no project pepper"),
    }


async def test_what_was_uploaded_is_here(upstream: Upstream, node: Worker) -> None:
    """A private project's files are here without asking anybody."""
    own = wheel("own", "1.0")
    digest = digest_of(own.content)
    with node.spool.scratch() as scratch:
        await scratch.write(own.content)
        await node.blobs.put(scratch.spooled)
    await node.catalog.ledger.publish(
        Upload(
            index="main",
            project=ProjectName("own"),
            display_name="own",
            version="1.0",
            filename=own.filename,
            filetype="bdist_wheel",
            digest=digest,
            size=own.size,
            hashes={"sha256": digest},
            metadata=None,
            requires_python=None,
            uploaded_at=Options().clock(),
            uploaded_by="tester",
        )
    )

    events = await told(node, "own")

    assert (had(events), lacked(events)) == ({own.filename: False}, [])
    assert upstream.requests() == []


async def test_an_outage(upstream: Upstream, node: Worker) -> None:
    """With the upstream down each requirement lacks for that reason, and none is said not to be."""
    with upstream.down():
        events = await told(node, "salt==1.0", "eggs")

    assert had(events) == {}
    assert {says for says, _, _ in lacked(events)} == {"salt==1.0", "eggs"}
    assert all("cannot be reached" in why for _, _, why in lacked(events)), lacked(events)


async def test_a_file_that_vanished(upstream: Upstream, node: Worker) -> None:
    """A listed file that the upstream has no more lacks by its name; the others are had."""
    upstream.misbehave(upstream.file(SALT), kinds.Status(status=404))

    events = await told(node, "salt==1.0")

    assert had(events) == {SALT_SDIST.filename: True}
    ((says, filename, why),) = lacked(events)
    assert (says, filename) == ("salt==1.0", SALT.filename)
    assert why


async def test_metadata_that_is_not_there(upstream: Upstream, employ: Employ) -> None:
    """Metadata that an upstream lacks, listed or not, is read out of the wheel, and is there."""
    bare = wheel("bare", "1.0")
    upstream.add(bare, metadata=False)
    upstream.misbehave(f"{upstream.file(SALT)}.metadata", kinds.Status(status=404))

    events = await told(await employ(), "salt==1.0", "bare")
    other = await employ(Options(offline=True))

    assert lacked(events) == []
    for built in (SALT, bare):
        shown = await other.shelf.get("main", ProjectName(built.project))
        file = shown.by_name[built.filename]
        assert file.core_metadata
        name = f"{built.filename}.metadata"
        beside = await other.files.find("main", shown.page.name, file.key, name)
        assert await everything(await other.files.open(beside, 0, None)) == built.metadata


async def test_metadata_that_lies(upstream: Upstream, node: Worker) -> None:
    """A wheel whose metadata is not what its page promises is not had: uv would stop at it."""
    upstream.misbehave(f"{upstream.file(SALT)}.metadata", kinds.WrongBytes())

    events = await told(node, "salt==1.0")

    assert [filename for _, filename, _ in lacked(events)] == [SALT.filename]


async def test_a_listed_no_longer_kept_file_is_had(upstream: Upstream, employ: Employ) -> None:
    """What a lock names, the upstream lists no longer, and is kept, is had."""
    clock = Options().clock
    await told(await employ(Options(clock=clock)), "salt==1.0")
    upstream.remove(SALT)
    clock.move(3600)
    node = await employ(Options(clock=clock))

    events = await told(node, wants=(locked(SALT, SALT_SDIST),))

    assert had(events) == {SALT.filename: False, SALT_SDIST.filename: False}
    assert lacked(events) == []


async def test_other_bytes_than_the_lock_names(upstream: Upstream, node: Worker) -> None:
    """Where the page lists no digest the lock's decides, and wrong bytes are not had."""
    upstream.add(SALT, hashes={})

    events = await told(node, wants=(locked(SALT, sha256="0" * 64),))

    assert had(events) == {}
    ((_, filename, why),) = lacked(events)
    assert filename == SALT.filename
    assert "sha256 differs" in why
    assert had(await told(node, wants=(locked(SALT),))) == {SALT.filename: False}


async def test_a_full_disk(node: Worker) -> None:
    """A file that does not fit is not had, and is with room for it."""
    await node.page("salt")
    with room_for(200_000):
        events = await told(node, wants=(locked(SALT),))

    ((_, filename, _),) = lacked(events)
    assert filename == SALT.filename
    assert had(await told(node, wants=(locked(SALT),))) == {SALT.filename: True}


async def test_a_page_that_could_not_be_kept(node: Worker) -> None:
    """A page that was shown and not kept lacks: without it nothing of it is found again."""
    with room_for(1 << 12):
        events = await told(node, "eggs==1.5")

    assert had(events) == {}
    whys = {filename: why for _, filename, why in lacked(events)}
    assert whys.keys() == {None, EGGS.filename}
    assert whys[None].startswith("its page could not be kept")


async def test_few_at_once(upstream: Upstream, node: Worker) -> None:
    """No more files than `jobs` are asked for at a time."""
    many = [wheel(f"p{n}", "1.0") for n in range(6)]
    for built in many:
        upstream.add(built, metadata=False)
    with upstream.gate("/files/*"):
        run = asyncio.ensure_future(told(node, *[f"{b.name}==1.0" for b in many], jobs=2))
        await asyncio.to_thread(upstream.wait_for, 2, "/files/")
        await asyncio.wait({run}, timeout=0.3)
        asked = len(upstream.requests("/files/"))

    assert asked == 2
    assert len(had(await run)) == len(many)


async def test_who_stops_listening_stops_it(
    tmp_path: Path, upstream: Upstream, employ: Employ
) -> None:
    """A run that is left ends; the next one resumes the file where it had come to."""
    node = await employ()
    gather = Gather(node.shelf, node.files)
    wants = read("salt==1.0").wants
    with upstream.gate(upstream.file(SALT), after=200_000, times=1):
        async with aclosing(gather.bring("main", wants, RULES, jobs=1)) as events:
            async for event in events:
                if isinstance(event, Came):
                    break
        await node.fetch.close(patience=0)
    upstream.forget()

    assert lacked(await told(await employ(), "salt==1.0")) == []
    asked = upstream.requests(upstream.file(SALT))
    ranges = [r.headers.get("range") for r in asked if r.path == upstream.file(SALT)]
    assert [r is not None for r in ranges] == [True], ranges
    assert list((tmp_path / "spool" / "downloads").iterdir()) == []
