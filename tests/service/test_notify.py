"""Webhooks: what is told to whom, in which order, and what becomes of it when nobody listens."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise

import pytest
from msgspec.structs import replace

from cloche.catalog.journal import record
from cloche.core.errors import UpstreamDown
from cloche.core.hooks import EVENTS, Hook
from cloche.core.index import Index
from cloche.core.journal import Change
from cloche.core.model import Status
from cloche.ports import Deed
from cloche.service import notify
from cloche.service.notify import Notify
from tests.catalog.samples import DEMO, part, remove, upload
from tests.service.worker import Clock, Employ, Options, Worker

pytestmark = pytest.mark.anyio

INDEXES: Mapping[str, Index] = {
    "main": Index(name="main", sources=("team", "pypi"), uploads=True),
    "team": Index(name="team", uploads=True),
    "other": Index(name="other", uploads=True),
}
HOOK = Hook(name="chat", url="http://chat/", secret=b"s" * 16, events=tuple(EVENTS))


@dataclass
class Receiver:
    """Takes what comes, as long as it is `up`."""

    up: bool = True
    tries: int = 0
    got: list[dict[str, object]] = field(default_factory=list)

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> None:
        self.tries += 1
        if not self.up:
            raise UpstreamDown(f"{url} answers 500")
        said = json.loads(content)
        assert headers["webhook-id"] == said["id"]
        self.got.append(said)

    async def close(self) -> None:
        pass

    @property
    def subjects(self) -> list[object]:
        return [said["subject"] for said in self.got]


class Ticker:
    """The event loop's clock, as `look` reads it, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(notify, "monotonic", lambda: self.now)


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def ticker(monkeypatch: pytest.MonkeyPatch) -> Ticker:
    return Ticker(monkeypatch)


@pytest.fixture
async def node(employ: Employ, clock: Clock) -> Worker:
    return await employ(Options(indexes=INDEXES, clock=clock))


def teller(node: Worker, receiver: Receiver, hook: Hook = HOOK) -> tuple[Notify, notify.Line]:
    found = Notify(
        [hook],
        node.view,
        node.catalog.cursors,
        receiver,
        node.catalog.pulse,
        node.view.clock,
    )
    return found, notify.Line(hook, f"{id(found)}")


async def publish(node: Worker, clock: Clock, version: str, index: str = "main") -> None:
    made = upload(version=version, index=index, said=version, uploaded_at=clock())
    await node.catalog.ledger.publish(made)


async def test_everything_in_its_order(node: Worker, receiver: Receiver, clock: Clock) -> None:
    """What happens after it was set up is told, once each, in the journal's order."""
    await publish(node, clock, "0.1")
    tells, line = teller(node, receiver)
    await tells.look(line)
    assert receiver.got == []

    for version in ("1.0", "2.0"):
        await publish(node, clock, version)
    await remove(node.catalog, "demo-1.0.tar.gz")
    await tells.look(line)

    assert [(said["type"], said["subject"]) for said in receiver.got] == [
        ("cloche.upload", "demo/demo-1.0.tar.gz"),
        ("cloche.upload", "demo/demo-2.0.tar.gz"),
        ("cloche.delete", "demo/demo-1.0.tar.gz"),
    ]
    await tells.look(line)
    assert len(receiver.got) == 3


async def test_only_what_was_asked_for(node: Worker, receiver: Receiver, clock: Clock) -> None:
    """Other events, and those of other indexes, are told to others."""
    tells, line = teller(node, receiver, replace(HOOK, events=("upload",), indexes=("main",)))
    await tells.look(line)
    await publish(node, clock, "1.0", "other")
    await publish(node, clock, "2.0", "team")  # main draws on it
    await node.catalog.stewardship.yank(
        part(version="2.0", index="team"), Deed(who="ann", at=clock()), yanked=True
    )
    await publish(node, clock, "3.0")
    await tells.look(line)
    assert receiver.subjects == ["demo/demo-2.0.tar.gz", "demo/demo-3.0.tar.gz"]


async def test_nobody_listens(
    node: Worker, receiver: Receiver, clock: Clock, ticker: Ticker
) -> None:
    """What is not taken is tried again, ever later; then all comes, in order, nothing twice."""
    tells, line = teller(node, receiver)
    await tells.look(line)
    receiver.up = False
    await publish(node, clock, "1.0")
    await publish(node, clock, "2.0")

    at: list[float] = []
    while len(at) < 12:
        tries = receiver.tries
        await tells.look(line)
        at += [ticker.now] * (receiver.tries - tries)
        ticker.now += 0.5
        clock.move(0.5)

    pauses = [later - earlier for earlier, later in pairwise(at)]
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    receiver.up = True
    clock.move(300)
    ticker.now += 300
    await tells.look(line)
    assert receiver.subjects == ["demo/demo-1.0.tar.gz", "demo/demo-2.0.tar.gz"]


async def test_giving_up(node: Worker, receiver: Receiver, clock: Clock, ticker: Ticker) -> None:
    """What nobody has taken in time is told no more, and the next one follows."""
    tells, line = teller(node, receiver, replace(HOOK, give_up=1))
    await tells.look(line)
    receiver.up = False
    await publish(node, clock, "1.0")
    await tells.look(line)
    clock.move(3601)
    ticker.now += 3601
    await publish(node, clock, "2.0")
    await tells.look(line)
    assert receiver.tries == 3

    receiver.up = True
    clock.move(300)
    ticker.now += 300
    await tells.look(line)
    assert receiver.subjects == ["demo/demo-2.0.tar.gz"]


async def test_one_of_two_tells(
    node: Worker, employ: Employ, receiver: Receiver, clock: Clock, ticker: Ticker
) -> None:
    """Another worker neither tells what was told, nor tries while the first one waits to."""
    other = await employ(Options(indexes=INDEXES, clock=clock))
    first, second = teller(node, receiver), teller(other, receiver)
    for tells, line in (first, second):
        await tells.look(line)
    await publish(node, clock, "1.0")
    for tells, line in (first, second):
        await tells.look(line)
    assert receiver.subjects == ["demo/demo-1.0.tar.gz"]

    receiver.up = False
    await publish(node, clock, "2.0")
    for tells, line in (first, second):
        await tells.look(line)
    assert receiver.tries == 2
    receiver.up = True  # and the first one has died
    clock.move(61)
    ticker.now += 61
    await second[0].look(second[1])
    assert receiver.subjects == ["demo/demo-1.0.tar.gz", "demo/demo-2.0.tar.gz"]


async def test_after_a_restart(
    node: Worker, employ: Employ, receiver: Receiver, clock: Clock
) -> None:
    """What happened while no process told is told by the next one."""
    tells, line = teller(node, receiver)
    await tells.look(line)
    await publish(node, clock, "1.0")

    other = await employ(Options(indexes=INDEXES, clock=clock))
    tells, line = teller(other, receiver)
    await tells.look(line)

    assert receiver.subjects == ["demo/demo-1.0.tar.gz"]


async def test_nothing_is_asked_while_nothing_happens(
    node: Worker, receiver: Receiver, clock: Clock
) -> None:
    """A look at a journal that nobody has written to costs the database nothing."""
    tells, line = teller(node, receiver)
    await publish(node, clock, "1.0")
    await tells.look(line)
    await node.catalog.pulse.settle()
    await tells.look(line)
    asked: list[str] = []

    class Counting:
        async def cursor(self, name: str) -> int:
            asked.append(name)
            return 0

    quiet = Notify(
        tells.hooks,
        tells.view,
        Counting(),  # type: ignore[arg-type]
        receiver,
        tells.pulse,
        tells.clock,
    )
    await quiet.look(line)
    assert asked == []


async def test_more_than_one_batch(
    node: Worker, receiver: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much has happened, all of it is told."""
    monkeypatch.setattr(notify, "AT_ONCE", 2)
    tells, line = teller(node, receiver, replace(HOOK, indexes=("main",)))
    await tells.look(line)
    for number in range(3):
        await publish(node, clock, f"{number}.0", "other")
    for number in range(5):
        await publish(node, clock, f"{number}.1")
    await tells.look(line)
    assert receiver.subjects == [f"demo/demo-{number}.1.tar.gz" for number in range(5)]


async def test_past_what_nobody_wants(node: Worker, receiver: Receiver, clock: Clock) -> None:
    """What nobody wants to hear of keeps nothing else from being told."""
    tells, line = teller(node, receiver, replace(HOOK, events=("status",)))
    await tells.look(line)
    await publish(node, clock, "1.0")
    deed = Deed(who="ann", at=clock() + timedelta(seconds=1), reason="old")
    await node.catalog.stewardship.declare("main", DEMO, Status.ARCHIVED, deed)
    await tells.look(line)
    (said,) = receiver.got
    assert said["type"] == "cloche.status"


async def test_what_concerns_every_index(node: Worker, receiver: Receiver, clock: Clock) -> None:
    """News of advisories belongs to no index: whoever asked for them in one index has them."""
    tells, line = teller(node, receiver, replace(HOOK, indexes=("main",)))
    await tells.look(line)
    with node.catalog.database.writing() as connection:
        record(
            connection,
            Change.ADVISORIES_CHANGED,
            at=clock(),
            who="cloche",
            detail={"advisories": ["PYSEC-1"]},
            place="advisories/osv",
            project=DEMO,
        )
    await tells.look(line)
    (got,) = receiver.got
    assert (got["type"], got["subject"]) == ("cloche.advisory", "demo")
