"""Rules that must know more than the page says: what is looked at for them, and what is kept."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from cloche.core.errors import Denied
from cloche.core.index import Index
from cloche.core.model import FileKey, ProjectName
from cloche.service import knowledge
from cloche.service.sight import Sight
from tests.catalog.samples import upload
from tests.packages import Built, wheel
from tests.rules.samples import clause
from tests.service.worker import (
    BRIEF,
    PATIENT,
    Clock,
    Employ,
    Options,
    Worker,
    digest_of,
    everything,
    names,
    until,
)
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

DEMO = ProjectName("demo")
FILES = "/files/demo/"
EGG = "demo-3.0-py3.11.egg"


def licensed(version: str, expression: str = "MIT", **other: Any) -> Built:
    return wheel("demo", version, fields=[("License-Expression", expression)], **other)


def under(**settings: Any) -> dict[str, Index]:
    """An index over the fake upstream with a rule over licences."""
    rule = clause("licence", **(settings or {"allow": ["MIT"]}))
    return {"main": Index(name="main", sources=("pypi",), uploads=True, clauses=(rule,))}


@pytest.fixture
def options(clock: Clock) -> Options:
    return Options(clock=clock, indexes=under())


async def look(node: Worker) -> Sight:
    return (await node.shelf.get("main", DEMO)).sight


def asked(upstream: Upstream) -> list[str]:
    return [one.path.removeprefix(FILES) for one in upstream.requests(FILES)]


async def kept(node: Worker) -> int:
    return len(await node.catalog.facts.recall("pypi", DEMO, "metadata"))


async def test_versions_are_judged_by_their_metadata(
    upstream: Upstream, employ: Employ, options: Options
) -> None:
    """A licence that is not wanted keeps a version off the page; its file is not served either."""
    upstream.add(good := licensed("1.0"))
    upstream.add(bad := licensed("2.0", "GPL-3.0-only"))
    node = await employ(options)

    sight = await look(node)

    assert names(sight.page) == [good.filename]
    [ruling] = sight.rulings[bad.filename]
    assert (ruling.rule, ruling.reason) == (
        "licence",
        "its licence is GPL-3.0-only, which is not wanted here",
    )
    file = sight.withheld[bad.filename]
    with pytest.raises(Denied, match="licence is GPL"):
        await node.files.find("main", DEMO, file.key, bad.filename)
    served = sight.page.files[0]
    wanted = await node.files.find("main", DEMO, served.key, good.filename)
    assert await everything(await node.files.open(wanted, 0, None)) == good.content


async def test_metadata_within_the_wheel(
    upstream: Upstream, employ: Employ, options: Options
) -> None:
    """Where the upstream has no metadata beside a wheel, the end of the wheel tells."""
    built = licensed("1.0", size=400_000)
    upstream.add(built, metadata=False)
    node = await employ(options)

    assert names((await look(node)).page) == [built.filename]
    assert [one.headers["range"] for one in upstream.requests(FILES)] == [
        f"bytes={built.size - 65536}-"
    ]


async def test_one_file_tells_for_its_version(
    upstream: Upstream, employ: Employ, options: Options
) -> None:
    """Of the files of a version one is looked at, and all are judged by it."""
    first = licensed("1.0")
    second = licensed("1.0", tag="cp311-cp311-win_amd64")
    upstream.add(first)
    upstream.add(second)
    node = await employ(options)

    assert set(names((await look(node)).page)) == {first.filename, second.filename}
    assert len(asked(upstream)) == 1


async def test_what_was_told_is_kept(upstream: Upstream, employ: Employ, options: Options) -> None:
    """What one worker has found out, the next one knows, also with the upstream down."""
    upstream.add(built := licensed("1.0"))
    node = await employ(options)
    await look(node)
    await until(lambda: kept(node))
    before = asked(upstream)

    for offline in (False, True):
        another = await employ(Options(indexes=under(), offline=offline))
        assert names((await look(another)).page) == [built.filename]
    assert asked(upstream) == before == [f"{built.filename}.metadata"]


async def test_nothing_is_asked_without_such_a_rule(upstream: Upstream, employ: Employ) -> None:
    """Only a rule that needs metadata, and that concerns the project, has it fetched."""
    upstream.add(licensed("1.0"))
    spared = under(allow=["MIT"], projects=["acme-*"])
    cool = {
        "main": Index(name="main", sources=("pypi",), clauses=(clause("cooldown", days=0.001),))
    }

    for indexes in (spared, cool):
        node = await employ(Options(indexes=indexes))
        await look(node)
    assert asked(upstream) == []


async def test_uploads_tell_of_themselves(employ: Employ, options: Options) -> None:
    """An upload is judged by the metadata that it brought; one without any is withheld."""
    node = await employ(options)
    for each in (licensed("1.0"), licensed("2.0", "ISC")):
        metadata = digest_of(each.metadata)
        await node.blobs.keep({metadata: each.metadata})
        mine = upload("demo", each.version, each.version, filename=each.filename, metadata=metadata)
        await node.catalog.ledger.publish(mine)
    await node.catalog.ledger.publish(upload(version="3.0", filename=EGG, metadata=None))

    sight = await look(node)

    assert names(sight.page) == [licensed("1.0").filename]
    assert sight.rulings[EGG][0].reason == "its licence is unknown: it offers no metadata"


async def test_metadata_that_cannot_be_had(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """What could not be looked at is withheld, and looked at again a little later, not at once."""
    upstream.add(built := licensed("1.0"))
    node = await employ(Options(clock=clock, indexes=under(), settings=BRIEF))
    await node.page()
    with upstream.down():
        sight = await look(node)
        assert names(sight.page) == []
        [ruling] = sight.rulings[built.filename]
        assert "licence is unknown: the metadata of demo-1.0" in ruling.reason
        assert sight.ruled_until == sight.until == clock.now + knowledge.LATER

    clock.move(knowledge.LATER.total_seconds() - 1)
    assert names((await look(node)).page) == []
    clock.move(1)
    assert names((await look(node)).page) == [built.filename]


async def test_metadata_that_makes_no_sense(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """A version whose metadata cannot be read is withheld, and not asked for on every look."""
    good = licensed("1.0")
    upstream.add(Built(good.filename, b"PK", b"Rubbish", "demo", "1.0"))
    node = await employ(Options(clock=clock, indexes=under()))

    assert names((await look(node)).page) == []
    clock.move(700)
    sight = await look(node)

    [ruling] = sight.rulings[good.filename]
    assert "cannot be read" in ruling.reason
    assert sight.ruled_until == clock.now + knowledge.RARELY - timedelta(seconds=700)
    assert len(asked(upstream)) == 1


async def test_what_offers_no_metadata(upstream: Upstream, employ: Employ, clock: Clock) -> None:
    """An egg tells nothing: it is withheld for ever, and nobody is asked."""
    upstream.add(Built(EGG, b"PK", b"", "demo", "3.0"), metadata=False)
    node = await employ(Options(clock=clock, indexes=under()))

    [ruling] = (await look(node)).rulings[EGG]

    assert ruling.reason == "its licence is unknown: it offers no metadata"
    assert asked(upstream) == []


async def test_newest_versions_first(
    upstream: Upstream, employ: Employ, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page waits for a few looks; the older versions are looked at behind it, within a bound."""
    monkeypatch.setattr(knowledge, "FIRST", 2)
    monkeypatch.setattr(knowledge, "MOST", 4)
    built = [licensed(f"{number}.0") for number in range(1, 7)]
    for each in built:
        upstream.add(each)
    node = await employ(Options(clock=clock, indexes=under()))

    sight = await look(node)

    assert {built[5].filename, built[4].filename} <= set(names(sight.page))
    assert sight.until == clock.now + knowledge.SOON
    [ruling] = sight.rulings[built[0].filename]
    assert "its metadata is not known yet" in ruling.reason
    await until(lambda: _has(node, 4))
    assert len(asked(upstream)) == 4

    clock.move(knowledge.SOON.total_seconds())
    assert len(names((await look(node)).page)) == 6
    await until(lambda: _has(node, 6))
    assert len(asked(upstream)) == 6


async def _has(node: Worker, number: int) -> bool:
    return await kept(node) == number


async def test_an_upstream_that_is_unwell_is_let_be(
    upstream: Upstream, employ: Employ, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When none of the first looks brings anything, the rest are not begun."""
    monkeypatch.setattr(knowledge, "FIRST", 2)
    for number in range(1, 7):
        good = licensed(f"{number}.0")
        upstream.add(Built(good.filename, good.content, b"Rubbish", "demo", good.version))
    node = await employ(Options(clock=clock, indexes=under()))

    assert names((await look(node)).page) == []
    await until(lambda: _idle(node))
    assert len(asked(upstream)) == 2


async def _idle(node: Worker) -> bool:
    return not node.knowledge._tasks  # noqa: SLF001  # nothing else tells


async def test_a_page_waits_a_moment_only(
    upstream: Upstream, employ: Employ, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Metadata that takes long keeps no page from being answered; it counts when it has come."""
    upstream.add(quick := licensed("2.0"))
    node = await employ(Options(clock=clock, indexes=under(), freshness=PATIENT))
    await look(node)
    upstream.add(slow := licensed("1.0"))
    clock.move(700)
    monkeypatch.setattr(knowledge, "PATIENCE", 0.2)

    with upstream.gate(f"{upstream.file(slow)}.metadata"):
        sight = await look(node)
        assert names(sight.page) == [quick.filename]
    assert sight.until <= clock.now + knowledge.LATER
    await until(lambda: _idle(node))
    monkeypatch.undo()
    clock.move(knowledge.LATER.total_seconds())

    assert set(names((await look(node)).page)) == {slow.filename, quick.filename}


async def test_a_file_that_is_listed_no_longer(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """A kept file is judged by what is known of it, or by what is kept; nobody is asked."""
    good, bad, unread = licensed("1.0"), licensed("2.0", "ISC"), licensed("3.0", size=100_000)
    for each in (good, bad, unread):
        upstream.add(each, metadata=False)
    plain = await employ(Options(clock=clock, freshness=PATIENT))
    for each in (good, bad, unread):
        await plain.bytes_of(each)
    await plain.fetch.close(patience=20)  # a file may be sent a moment before it is recorded
    upstream.remove(good)
    upstream.remove(bad)
    upstream.remove(unread)
    upstream.add(licensed("4.0"))
    clock.move(3600)
    node = await employ(Options(clock=clock, indexes=under(), freshness=PATIENT))
    await look(node)
    upstream.forget()

    for each in (good, unread):
        found = await node.files.find("main", DEMO, FileKey(each.sha256), each.filename)
        assert await everything(await node.files.open(found, 0, None)) == each.content
    with pytest.raises(Denied, match="its licence is ISC"):
        await node.files.find("main", DEMO, FileKey(bad.sha256), bad.filename)
    assert asked(upstream) == []


async def test_a_file_that_no_look_under_way_is_for(
    upstream: Upstream, employ: Employ, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at all the same, and not withheld because others are looked at."""
    monkeypatch.setattr(knowledge, "PATIENCE", 3.0)
    kept, slow = licensed("1.0"), licensed("2.0")
    upstream.add(kept, metadata=False)
    plain = await employ(Options(clock=clock, freshness=PATIENT))
    await plain.bytes_of(kept)
    await plain.fetch.close(patience=20)
    upstream.remove(kept)
    upstream.add(slow)
    clock.move(3600)
    node = await employ(Options(clock=clock, indexes=under(), freshness=PATIENT))
    with upstream.gate(f"{upstream.file(slow)}.metadata"):
        looking = asyncio.create_task(look(node))
        await until(lambda: _is_asked(upstream))
        found = await node.files.find("main", DEMO, FileKey(kept.sha256), kept.filename)
    await looking

    assert await everything(await node.files.open(found, 0, None)) == kept.content


async def _is_asked(upstream: Upstream) -> bool:
    return bool(asked(upstream))


async def test_what_two_upstreams_say(employ: Employ, upstream: Upstream, clock: Clock) -> None:
    """What one source tells of a file binds no other: each is looked at for itself."""
    upstream.add(licensed("1.0"))
    first = await employ(Options(clock=clock, indexes=under()))
    await look(first)
    await until(lambda: kept(first))
    remote = {"other": first.remote["pypi"]}
    index = replace(under()["main"], sources=("other",))
    second = await employ(Options(clock=clock, indexes={"main": index}, remote=remote))

    assert names((await look(second)).page) == [licensed("1.0").filename]
    assert await until_kept(second, "other") == 1


async def until_kept(node: Worker, place: str) -> int:
    await until(lambda: _idle(node))
    return len(await node.catalog.facts.recall(place, DEMO, "metadata"))
