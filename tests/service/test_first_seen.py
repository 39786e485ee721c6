"""When this server first saw a file, where a rule asks for it."""

from datetime import timedelta

import pytest

from cloche.core.index import Index
from cloche.core.model import File, ProjectName
from cloche.core.policy import Clause
from tests.packages import Built, sdist, wheel
from tests.rules.samples import clause
from tests.service.worker import Clock, Employ, Options, Worker, names
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

NAME = ProjectName("demo")
OLD, NEW = wheel("demo", "1.0"), sdist("demo", "2.0")
DAY = 24 * 3600.0
SEEN = clause("cooldown", by="first-seen")
BELIEVING = clause("cooldown", by="first-seen", first_page="upload-time")


@pytest.fixture(autouse=True)
def listed(upstream: Upstream) -> None:
    """A file of which the upstream says that it is years old."""
    upstream.add(OLD)


def ruled(clock: Clock, *clauses: Clause) -> Options:
    return Options(
        clock=clock, indexes={"main": Index(name="main", sources=("pypi",), clauses=clauses)}
    )


async def offered(node: Worker, built: Built) -> File:
    file = (await node.shelf.get("main", NAME)).sight.offered.find(built.filename)
    assert file is not None
    return file


async def shown(node: Worker) -> list[str]:
    return names((await node.shelf.get("main", NAME)).page)


async def test_a_stated_time_does_not_hurry_it(
    employ: Employ, clock: Clock, upstream: Upstream
) -> None:
    """A file that says it is years old waits from when it was first seen, to the instant."""
    node = await employ(ruled(clock, SEEN))
    began = clock.now
    assert await shown(node) == []
    clock.move(3 * DAY)
    upstream.add(NEW)

    assert (await offered(node, OLD)).first_seen == began
    assert (await offered(node, NEW)).first_seen == clock.now
    clock.now = began + timedelta(days=7, microseconds=-1)
    assert await shown(node) == []
    clock.now = began + timedelta(days=7)
    assert await shown(node) == [OLD.filename]
    clock.now = began + timedelta(days=10)
    assert await shown(node) == [OLD.filename, NEW.filename]


async def test_the_stated_time_is_still_stated(employ: Employ, clock: Clock) -> None:
    """What clients read is the upstream's time, for it is no less so."""
    free = clause("cooldown", by="first-seen", exempt=["demo"])
    file = await offered(await employ(ruled(clock, free)), OLD)

    assert file.upload_time is not None
    assert file.upload_time.year == 2024
    assert file.first_seen == clock.now


async def test_the_first_page_may_be_believed(
    employ: Employ, clock: Clock, upstream: Upstream
) -> None:
    """What was there at the first look is as old as it says; what comes later is not."""
    node = await employ(ruled(clock, BELIEVING))
    assert await shown(node) == [OLD.filename]
    clock.move(3 * DAY)
    upstream.add(NEW)

    assert await shown(node) == [OLD.filename]
    clock.move(7 * DAY)
    assert await shown(node) == [OLD.filename, NEW.filename]


async def test_a_project_that_begins_anew_has_no_second_first_page(
    employ: Employ, clock: Clock, upstream: Upstream
) -> None:
    """A name that somebody else takes over is looked at as before, whatever times are stated."""
    node = await employ(ruled(clock, BELIEVING))
    assert await shown(node) == [OLD.filename]
    upstream.remove_project("demo")
    clock.move(DAY)
    with pytest.raises(Exception, match="no project demo"):
        await node.shelf.get("main", NAME)
    upstream.add(NEW)
    clock.move(DAY)

    assert await shown(node) == []


async def test_sightings_outlive_the_process(
    employ: Employ, clock: Clock, upstream: Upstream
) -> None:
    """Another worker, and one after a restart, knows the same times."""
    began = clock.now
    await offered(await employ(ruled(clock, SEEN)), OLD)
    clock.move(DAY)
    upstream.add(NEW)
    again = await employ(ruled(clock, SEEN))
    assert (await offered(again, NEW)).first_seen == clock.now

    third = await employ(ruled(clock, SEEN))
    assert (await offered(third, OLD)).first_seen == began
    assert (await offered(third, NEW)).watched_since == began


async def test_a_rule_that_comes_later_knows_the_page_that_is_kept(
    employ: Employ, clock: Clock, upstream: Upstream
) -> None:
    """Before there was a rule nothing was recorded; what its page listed was seen with it."""
    before = await employ(ruled(clock))
    began = clock.now
    await shown(before)
    assert await before.catalog.findings.seen("pypi", NAME) == {}
    clock.move(8 * DAY)
    node = await employ(ruled(clock, SEEN))
    upstream.add(NEW)

    assert await shown(node) == [OLD.filename]
    assert (await offered(node, OLD)).first_seen == began
    assert (await offered(node, NEW)).first_seen == clock.now
    recorded = await node.catalog.findings.seen("pypi", NAME)
    assert sorted(recorded.values()) == [began, clock.now]
