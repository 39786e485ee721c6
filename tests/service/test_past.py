"""Who answered for a project then: never a stranger, and never an upstream that is asked now."""

from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace as changed

from cloche.catalog import Catalog
from cloche.config.recording import rebuilt
from cloche.core.errors import BadRequest, Denied, NoSuchProject, NotThen
from cloche.core.index import Index
from cloche.core.model import ProjectName
from cloche.core.patterns import names
from cloche.core.policy import Clause
from cloche.ports import Document
from cloche.rules import cooldown
from cloche.service.past import MAX_VIEWS, SETTLING, Past, Times
from tests.catalog.samples import kept, upload
from tests.fakes import FakeUpstream
from tests.service.worker import Clock, Employ, Options, Worker

pytestmark = pytest.mark.anyio

DEMO = ProjectName("demo")
RULE = cooldown.connect(cooldown.Settings(days=7), Path())
WAIT = Clause(name="wait", kind="cooldown", rule=RULE)


def document(*files: tuple[str, str], name: str = "demo") -> Document:
    """A page of filenames with their upload times."""
    entries = ",".join(
        f'{{"filename":"{file}","url":"{file}","hashes":{{}},"upload-time":"{when}"}}'
        for file, when in files
    )
    return Document(
        body=f'{{"meta":{{"api-version":"1.1"}},"name":"{name}","files":[{entries}]}}'.encode(),
        content_type="application/vnd.pypi.simple.v1+json",
        url=f"http://a/simple/{name}/",
    )


OLD = ("demo-1.0.zip", "2026-01-01T00:00:00Z")
NEW = ("demo-2.0.zip", "2026-02-25T00:00:00Z")


def times(node: Worker, clock: Clock) -> Times:
    catalog: Catalog = node.catalog
    return Times(
        node.files,
        node.cached,
        catalog.chronicle,
        catalog.journal,
        catalog.snapshots,
        catalog.policies,
        rebuilt,
        catalog.pulse,
        clock,
    )


async def shown(past: Past, index: str = "main") -> list[str]:
    return [file.filename for file in (await past.shelf.get(index, DEMO)).page.files]


class Two:
    """Index main asks a, then b; index other asks b alone. Nobody has asked yet."""

    def __init__(self) -> None:
        self.a, self.b = FakeUpstream(name="a"), FakeUpstream(name="b")
        self.clock = Clock()

    async def worker(self, employ: Employ, **main: object) -> Worker:
        both = Index(name="main", sources=("a", "b"), uploads=True)
        indexes = {"main": changed(both, **main), "other": Index(name="other", sources=("b",))}
        remote = {"a": self.a, "b": self.b}
        return await employ(Options(remote=remote, indexes=indexes, clock=self.clock))


@pytest.fixture
def two() -> Two:
    return Two()


async def test_a_stranger_is_not_heard_where_nobody_has_looked(two: Two, employ: Employ) -> None:
    """What is known of a later source does not answer for a name that a first one may own."""
    two.b.pages[DEMO] = document(OLD)
    node = await two.worker(employ)
    await node.view.project("other", DEMO)
    past = await times(node, two.clock).at("main", "2026-02-01")

    assert await shown(past, "other") == ["demo-1.0.zip"]
    with pytest.raises(NotThen):
        await shown(past)


async def test_a_source_that_was_seen_not_to_have_it(two: Two, employ: Employ) -> None:
    """Where the first source said that it has no such project, the next one answered, and does.

    As its own past is told from its first page, so is that of its absence: of all the time before.
    """
    two.b.pages[DEMO] = document(OLD)
    node = await two.worker(employ)
    assert (await node.view.project("main", DEMO)).owner == "b"
    past = times(node, two.clock)

    for moment in ("2026-02-01", "1"):
        assert await shown(await past.at("main", moment)) == ["demo-1.0.zip"]
    with pytest.raises(NotThen):
        await shown(await past.at("main", "2025-01-01"))


async def test_a_source_that_began_later(two: Two, employ: Employ) -> None:
    """What the first source had between its absence and its first page is its own to tell."""
    two.b.pages[DEMO] = document(OLD)
    node = await two.worker(employ)
    assert (await node.view.project("main", DEMO)).owner == "b"
    await node.catalog.pages.keep("b", ProjectName("other"), kept())
    two.a.pages[DEMO] = document(NEW)
    two.clock.move(2 * 3600)
    assert (await node.view.project("main", DEMO)).owner == "a"
    past = times(node, two.clock)

    assert await shown(await past.at("main", "1")) == ["demo-1.0.zip"]
    assert await shown(await past.at("main", "2")) == ["demo-2.0.zip"]


async def test_a_stranger_is_not_heard_before_the_owner_began(two: Two, employ: Employ) -> None:
    """Before the first file of the source that owns the name, no later source answers for it."""
    two.a.pages[DEMO], two.b.pages[DEMO] = document(NEW), document(OLD)
    node = await two.worker(employ)
    await node.view.project("other", DEMO)
    assert (await node.view.project("main", DEMO)).owner == "a"
    past = await times(node, two.clock).at("main", "2026-02-01")

    with pytest.raises(NotThen):
        await shown(past)


async def test_all_owners_of_a_merged_project_answer(two: Two, employ: Employ) -> None:
    """Of a project that is merged each source says what it had, if it had any."""
    two.a.pages[DEMO], two.b.pages[DEMO] = document(NEW), document(OLD)
    node = await two.worker(employ, merge=names(["demo"]))
    await node.view.project("main", DEMO)
    past = times(node, two.clock)

    assert await shown(await past.at("main", "2026-02-01")) == ["demo-1.0.zip"]
    assert await shown(await past.at("main", "2026-02-26")) == ["demo-2.0.zip", "demo-1.0.zip"]


async def test_a_source_that_had_lost_it_lets_the_next_answer(two: Two, employ: Employ) -> None:
    """Where a source was seen to have the project no more, the next one answered, and does."""
    two.a.pages[DEMO], two.b.pages[DEMO] = document(OLD), document(NEW)
    node = await two.worker(employ)
    await node.view.project("main", DEMO)
    del two.a.pages[DEMO]
    two.clock.move(3600)
    assert (await node.view.project("main", DEMO)).owner == "b"
    newest = (await node.catalog.ledger.changes(0)).serial

    past = await times(node, two.clock).at("main", str(newest))

    assert await shown(past) == ["demo-2.0.zip"]


async def test_no_upstream_is_asked(two: Two, employ: Employ) -> None:
    """The past is told while every upstream is down, and nothing is kept for the asking."""
    two.a.pages[DEMO] = document(OLD)
    node = await two.worker(employ)
    await node.view.project("main", DEMO)
    two.a.down = two.b.down = True
    two.clock.move(10 * 86400)
    before = await node.catalog.ledger.changes(0)

    assert await shown(await times(node, two.clock).at("main", "2026-02-01")) == ["demo-1.0.zip"]
    assert await node.catalog.ledger.changes(0) == before


async def test_rules_see_the_time_of_then(two: Two, employ: Employ) -> None:
    """A rule of today judges a past page by the clock of then, also the file's own address."""
    two.a.pages[DEMO] = document(OLD, NEW)
    node = await two.worker(employ, clauses=(WAIT,))
    await node.view.project("main", DEMO)
    two.clock.move(30 * 86400)
    past = times(node, two.clock)
    early, late = await past.at("main", "2026-03-02"), await past.at("main", "2026-03-05")

    assert await shown(early) == ["demo-1.0.zip"]
    assert await shown(late) == ["demo-1.0.zip", "demo-2.0.zip"]
    assert not early.lasting("main")
    assert early.lasting("other")
    (file,) = (await early.shelf.get("main", DEMO)).sight.withheld.values()
    with pytest.raises(Denied):
        await early.files.find("main", DEMO, file.key, file.filename)
    found = await late.files.find("main", DEMO, file.key, file.filename)
    assert found.filename == file.filename


async def test_what_is_now_is_what_was_a_moment_ago(two: Two, employ: Employ) -> None:
    """The page of the newest serial is the page of now."""
    two.a.pages[DEMO] = document(OLD, NEW)
    node = await two.worker(employ)
    now = await node.view.project("main", DEMO)

    then = (await (await times(node, two.clock).at("main", "1")).shelf.get("main", DEMO)).sight

    assert (then.page, then.owner, then.serials, then.told) == (now.page, "a", {"a": 1}, 1)


async def test_moments(two: Two, employ: Employ) -> None:
    """An instant means the newest serial of its time; a while must pass until that is settled."""
    node = await two.worker(employ)
    for hour in range(3):
        at = two.clock() - timedelta(hours=3 - hour)
        await node.catalog.ledger.publish(
            upload(version=f"{hour}.0", filename=f"demo-{hour}.0.zip", uploaded_at=at)
        )
    past = times(node, two.clock)

    async def serial(when: str) -> int:
        return (await past.at("main", when)).moment.serial

    assert await serial("2026-03-01T08:59:59Z") == 0
    assert await serial("2026-03-01T09:00:00Z") == 1
    assert await serial("2026-03-01T10:30:00Z") == 2
    assert await serial("2026-03-01T13:00:00+02:00") == 3
    assert not (await past.at("main", "2026-03-01T12:00:00Z")).moment.fixed
    two.clock.move(SETTLING.total_seconds())
    assert (await past.at("main", "2026-03-01T12:00:00Z")).moment.fixed
    for future in ("2026-03-01T12:01:01Z", "4"):
        with pytest.raises(BadRequest):
            await past.at("main", future)


async def test_few_moments_are_remembered(two: Two, employ: Employ) -> None:
    """Of many moments the last ones are kept, and the same one is made once."""
    node = await two.worker(employ)
    past = times(node, two.clock)
    first = await past.at("main", "2025-01-01")

    assert await past.at("main", "2025-01-01T00:00:00Z") is first
    for second in range(MAX_VIEWS):
        await past.at("main", f"2025-01-01T00:00:{second + 1:02}Z")
    assert await past.at("main", "2025-01-01") is not first
    with pytest.raises(NoSuchProject):
        await shown(first)
