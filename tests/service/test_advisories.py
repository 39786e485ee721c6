"""Feeds, asked in their time; what is new is kept, and what is gone is forgotten."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from cloche.core.errors import UpstreamDown, UpstreamLies
from cloche.core.model import ProjectName
from cloche.ports import Delivery
from cloche.service.advisories import Subscription, Watch
from cloche.service.recall import Flags
from tests.catalog.samples import entries, held
from tests.osv import affected, document
from tests.service.worker import Clock, Employ, Worker

pytestmark = pytest.mark.anyio

DEMO = ProjectName("demo")
ONE, TWO = document("A-1"), document("A-2")


@dataclass
class FakeFeed:
    """Has what the test gives it; `down` cannot be reached."""

    documents: list[bytes | None] = field(default_factory=list)
    down: bool = False
    source: str = "/osv"
    is_local: bool = True
    asked: list[str | None] = field(default_factory=list)

    @asynccontextmanager
    async def fetch(self, validator: str | None) -> AsyncIterator[Delivery | None]:
        self.asked.append(validator)
        if self.down:
            raise UpstreamDown("osv cannot be reached")
        now = str(hash(tuple(self.documents)))
        yield None if validator == now else Delivery(iter(self.documents), now)


def watch(node: Worker, feed: FakeFeed, clock: Clock) -> Watch:
    subscriptions = {"osv": Subscription(feed, timedelta(hours=1))}
    places = ("main", "pypi")
    stored = node.catalog
    flags = Flags(("pypi",), stored.holdings, stored.recalls)
    return Watch(subscriptions, stored.advisories, node.spool, stored.pulse, places, flags, clock)


async def ids(node: Worker) -> list[str]:
    found = await node.catalog.advisories.of(["osv"], DEMO)
    assert found is not None
    return sorted(each.id for each in found)


async def test_what_is_new_is_kept(employ: Employ, clock: Clock) -> None:
    """Documents that come are known, those that stay are not read again, those that go are not."""
    node, feed = await employ(), FakeFeed([ONE])
    made = watch(node, feed, clock)
    first = await made.refresh("osv")
    assert (first.added, first.removed, first.state.documents) == (1, 0, 1)

    feed.documents = [ONE, TWO]
    second = await made.refresh("osv", now=True)
    feed.documents = [TWO]
    third = await made.refresh("osv", now=True)

    assert (second.added, second.removed) == (1, 0)
    assert (third.added, third.removed) == (0, 1)
    assert await ids(node) == ["A-2"]


async def test_a_document_that_changes(employ: Employ, clock: Clock) -> None:
    """Of an advisory that changes, the newest words count alone."""
    node, feed = await employ(), FakeFeed([ONE])
    made = watch(node, feed, clock)
    await made.refresh("osv")

    feed.documents = [document("A-1", withdrawn="2026-01-02T00:00:00Z")]
    done = await made.refresh("osv", now=True)

    assert (done.added, done.removed) == (1, 1)
    found = await node.catalog.advisories.of(["osv"], DEMO)
    assert found
    assert [each.withdrawn is not None for each in found] == [True]


async def test_in_its_time(employ: Employ, clock: Clock) -> None:
    """A feed is asked when its time has come, by one process for all, and with its validator."""
    node, other, feed = await employ(), await employ(), FakeFeed([ONE])
    await watch(node, feed, clock).refresh("osv")
    await watch(other, feed, clock).refresh("osv")
    assert feed.asked == [None]

    clock.move(3600)
    done = await watch(other, feed, clock).refresh("osv")

    assert len(feed.asked) == 2
    assert feed.asked[1]
    assert (done.added, done.state.checked_at, done.state.documents) == (0, clock(), 1)
    assert done.state.loaded_at == clock() - timedelta(hours=1)


async def test_another_source(employ: Employ, clock: Clock) -> None:
    """A feed that lies elsewhere now is asked at once, and for all that it has."""
    node, feed = await employ(), FakeFeed([ONE])
    await watch(node, feed, clock).refresh("osv")

    feed.source, feed.documents = "/elsewhere", [TWO]
    await watch(node, feed, clock).refresh("osv")

    assert feed.asked == [None, None]
    assert await ids(node) == ["A-2"]


@pytest.mark.parametrize("failure", ["down", "empty", "rubbish"])
async def test_what_is_known_stays(employ: Employ, clock: Clock, failure: str) -> None:
    """A feed that is down, or has nothing any more, takes nothing away."""
    node, feed = await employ(), FakeFeed([ONE])
    made = watch(node, feed, clock)
    await made.refresh("osv")

    feed.down = failure == "down"
    feed.documents = [] if failure == "empty" else [b"rubbish"]
    with pytest.raises(UpstreamDown if feed.down else UpstreamLies):
        await made.refresh("osv", now=True)

    assert await ids(node) == ["A-1"]
    state = await node.catalog.advisories.feed("osv")
    assert state is not None
    assert state.documents == 1


async def test_what_cannot_be_understood(employ: Employ, clock: Clock) -> None:
    """Documents that are none, or too large, are counted and passed over; others' are not."""
    node = await employ()
    elsewhere = document("A-3", {**affected(), "package": {"ecosystem": "npm", "name": "demo"}})
    feed = FakeFeed([b"rubbish", None, elsewhere, ONE])

    done = await watch(node, feed, clock).refresh("osv")

    assert (done.state.documents, done.state.skipped) == (1, 2)
    assert await ids(node) == ["A-1"]


async def test_many(employ: Employ, clock: Clock) -> None:
    """A feed may have more than is read in one go, and name the same twice."""
    node = await employ()
    feed = FakeFeed([*[document(f"A-{number}") for number in range(450)] * 2])

    done = await watch(node, feed, clock).refresh("osv")

    assert (done.added, done.state.documents) == (450, 450)
    assert len(await ids(node)) == 450


async def test_kept_files_are_flagged(employ: Employ, clock: Clock) -> None:
    """A file that is kept, and turns out to be malware, is journaled once, with the advisory."""
    node = await employ()
    one = held(filename="demo-1.0.tar.gz")
    await node.catalog.pages.hold(one)
    about = affected("demo", versions=["1.0"])
    feed = FakeFeed([document("MAL-1", about), document("A-2", affected("demo", versions=["2"]))])
    made = watch(node, feed, clock)
    await made.refresh("osv")
    feed.documents = [document("MAL-1", about, summary="It steals")]
    await made.refresh("osv", now=True)

    (entry,) = [each for each in entries(node.catalog) if each["action"] == "file recalled"]
    assert (entry["place"], entry["project"], entry["version"]) == ("pypi", "demo", "1.0")
    assert entry["filename"] == one.filename
    assert json.loads(entry["detail"]) == {
        "sha256": one.digest,
        "why": "flagged",
        "advisories": ["MAL-1"],
    }
