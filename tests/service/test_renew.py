"""Having upstreams asked anew: whichever process is told, all of them hear of it."""

import asyncio

import pytest

from cloche.core.errors import NoSuchProject
from cloche.core.model import ProjectName
from cloche.core.upstreams import Freshness
from cloche.service.renew import Renew
from tests.packages import wheel
from tests.service.worker import Clock, Employ, Options, Worker, names
from tests.upstream import kinds
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

NEW, NEWER = wheel("new", "1.0"), wheel("new", "2.0")
NAME = ProjectName(NEW.project)


def renew(worker: Worker, clock: Clock) -> Renew:
    stored = worker.catalog
    return Renew(worker.view, worker.cached, stored.expiry, stored.pulse, clock)


async def absent(worker: Worker) -> bool:
    try:
        await worker.page(NAME)
    except NoSuchProject:
        return True
    return False


@pytest.mark.parametrize("everything", [False, True])
async def test_an_absence_is_forgotten_by_all(
    upstream: Upstream, employ: Employ, clock: Clock, *, everything: bool
) -> None:
    """Told to one worker, of the project or of all, another one asks the upstream as well."""
    told, other = await employ(Options(clock)), await employ(Options(clock))
    assert [await absent(each) for each in (told, other)] == [True, True]
    upstream.add(NEW)
    assert [await absent(each) for each in (told, other)] == [True, True]

    if everything:
        await renew(told, clock).absences("main", "ada")
    else:
        await renew(told, clock).project("main", NAME, "ada")

    for each in (other, told):
        assert names(await each.page(NAME)) == [NEW.filename]


async def test_a_failure_is_forgotten_by_all(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """A worker that lets an upstream be, as it failed lately, asks it again all the same."""
    freshness = Freshness(patience=20, after_failure=3600)
    told, other = [await employ(Options(clock, freshness=freshness)) for _ in range(2)]
    upstream.add(NEW)
    assert names(await other.page(NAME)) == [NEW.filename]
    clock.move(1000)
    upstream.misbehave(upstream.page(NAME), kinds.Status(status=500))
    assert names(await other.page(NAME)) == [NEW.filename]
    upstream.behave()
    upstream.add(NEWER)
    assert names(await other.page(NAME)) == [NEW.filename]

    await renew(told, clock).project("main", NAME, "ada")

    assert names(await other.page(NAME)) == [NEW.filename, NEWER.filename]


async def test_a_wish_during_the_question(upstream: Upstream, employ: Employ, clock: Clock) -> None:
    """What the upstream says to a question that is older than the wish is not remembered."""
    told, other = await employ(Options(clock)), await employ(Options(clock))
    with upstream.gate(upstream.page(NAME)):
        asked = asyncio.ensure_future(absent(other))
        await asyncio.to_thread(upstream.wait_for, 1, upstream.page(NAME))
        await renew(told, clock).project("main", NAME, "ada")
    assert await asked
    upstream.add(NEW)

    assert names(await other.page(NAME)) == [NEW.filename]


async def test_what_is_not_wished_is_not_forgotten(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """Other writes, wishes of long ago among them, leave an absence remembered."""
    told, other = await employ(Options(clock)), await employ(Options(clock))
    await renew(told, clock).absences("main", "ada")
    assert await absent(other)
    upstream.add(wheel("demo", "1.0"))
    await told.page("demo")

    assert await absent(other)
    assert len(upstream.requests(upstream.page(NAME))) == 1
