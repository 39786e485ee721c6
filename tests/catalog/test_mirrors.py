"""How far mirrors have come, as both databases keep it."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from cloche.catalog import Catalog, connect
from cloche.core.mirrors import Difference, Mirrored, State
from cloche.core.model import ProjectName
from cloche.ports import Failure, Mirroring, Settled, Standing
from tests.catalog.samples import DEMO, HOUR, NOON, held

pytestmark = pytest.mark.anyio

A, A_1, B = ProjectName("a"), ProjectName("a-1"), ProjectName("b")


async def marked(catalog: Catalog, **serials: int) -> None:
    found = await catalog.mirrors.compare(
        "pypi", {ProjectName(name): serial for name, serial in serials.items()}, ()
    )
    await catalog.mirrors.mark("pypi", found, NOON)


async def held_all(catalog: Catalog) -> None:
    for row in await catalog.mirrors.due("pypi", NOON, None, 100):
        done = Mirrored(
            project=row.project, state=State.HELD, listed=row.listed, seen=row.listed, files=2
        )
        await catalog.mirrors.settle("pypi", Settled(project=row.project, row=done))


async def test_nothing_recorded(catalog: Catalog) -> None:
    """Of an upstream that was never mirrored nothing is recorded, and nothing is due."""
    assert await catalog.mirrors.find("pypi") == Mirroring()
    assert await catalog.mirrors.due("pypi", NOON, None, 10) == []
    assert await catalog.standings.standing("pypi") == Standing()


async def test_recorded(catalog: Catalog) -> None:
    """What is recorded of a mirror is found again, each time as it was last."""
    said = Mirroring(etag='"e"', serial=2, projects=3, policy="p", listed_at=NOON)
    for each in (Mirroring(serial=1), said):
        await catalog.mirrors.record("pypi", each)

    assert await catalog.mirrors.find("pypi") == said
    assert await catalog.mirrors.find("other") == Mirroring()


async def test_first_list(catalog: Catalog) -> None:
    """Every project of the first list is new, and due in the order of names."""
    await marked(catalog, b=2, a=1)

    rows = await catalog.mirrors.due("pypi", NOON, None, 10)
    assert [(row.project, row.listed, row.state) for row in rows] == [
        (A, 1, State.DUE),
        (B, 2, State.DUE),
    ]
    assert await catalog.mirrors.due("pypi", NOON - HOUR, None, 10) == []
    assert await catalog.mirrors.due("other", NOON, None, 10) == []


async def test_due_in_parts(catalog: Catalog) -> None:
    """What is due comes whole in parts, nothing twice, whatever is settled meanwhile."""
    names = [ProjectName(f"p{number:02}") for number in range(25)]
    await marked(catalog, **dict.fromkeys(names, 1))
    found: list[ProjectName] = []
    after: Mirrored | None = None
    while rows := await catalog.mirrors.due("pypi", NOON, after, 10):
        found += [row.project for row in rows]
        after = rows[-1]
        await catalog.mirrors.settle("pypi", Settled(project=rows[0].project, row=None))

    assert found == names


async def test_compared(catalog: Catalog) -> None:
    """A list is told from the one before: what is new, changed, chosen no longer, or gone."""
    await marked(catalog, a=1, b=2, c=3, d=4)
    await held_all(catalog)
    chosen = {A: 1, B: 20, ProjectName("e"): 5}

    found = await catalog.mirrors.compare("pypi", chosen, {ProjectName("c")})

    assert sorted(found, key=lambda each: each.project) == [
        Difference(B, 20, State.DUE),
        Difference(ProjectName("c"), 3, State.LEFT),
        Difference(ProjectName("d"), 4, State.LOST),
        Difference(ProjectName("e"), 5, State.DUE, is_new=True),
    ]


async def test_without_serials(catalog: Catalog) -> None:
    """A project without a serial may always have changed."""
    await marked(catalog, a=0)
    await held_all(catalog)

    assert await catalog.mirrors.compare("pypi", {A: 0}, ()) == [Difference(A, 0, State.DUE)]


@pytest.mark.parametrize(
    ("state", "becomes"),
    [
        (State.DUE, None),
        (State.HELD, None),
        (State.FAILED, None),
        (State.LOST, State.DUE),
        (State.LEFT, State.DUE),
        (State.GONE, State.DUE),
    ],
)
async def test_compared_in_each_state(
    catalog: Catalog, state: State, becomes: State | None
) -> None:
    """Under the serial it had, a project is as it was, unless it was taken for gone meanwhile."""
    await marked(catalog, a=1)
    row = Mirrored(project=A, state=state, listed=1)
    await catalog.mirrors.settle("pypi", Settled(project=A, row=row))

    found = await catalog.mirrors.compare("pypi", {A: 1}, ())

    assert found == ([] if becomes is None else [Difference(A, 1, becomes)])


async def test_read_in_the_order_of_the_disk(sqlite: str) -> None:
    """SQLite reads all of a mirror by the index of states, though it would choose another."""
    opened = connect(sqlite)
    engine, asked = opened.database.engine, list[tuple[str, Any]]()
    event.listen(engine, "before_cursor_execute", lambda *said: asked.append(said[2:4]))
    await opened.mirrors.compare("pypi", {}, ())
    await opened.standings.standing("pypi")
    with opened.database.reading() as connection:
        plans = [
            [
                step.detail
                for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)
            ]
            for sql, values in asked[:2]
        ]
    await opened.close()

    (compared,), (counted,) = plans
    assert "mirrored_upstream_state_ix" in compared
    assert "mirrored_upstream_state_ix" in counted


async def test_gone_and_back(catalog: Catalog) -> None:
    """What is gone is not lost a second time, and is due when it is listed again."""
    await marked(catalog, a=1)
    gone = Mirrored(project=A, state=State.GONE, listed=1)
    await catalog.mirrors.settle("pypi", Settled(project=A, row=gone))

    assert await catalog.mirrors.compare("pypi", {}, ()) == []
    assert await catalog.mirrors.compare("pypi", {A: 1}, ()) == [Difference(A, 1, State.DUE)]


async def test_settled(catalog: Catalog) -> None:
    """What was brought of a project, and what was not, is recorded at once; again is harmless."""
    await marked(catalog, demo=1)
    one = held("one", filename="demo-1.0.zip")
    failure = Failure(project=DEMO, filename="demo-2.0.zip", cause="down", at=NOON)
    row = Mirrored(
        project=DEMO,
        state=State.FAILED,
        listed=1,
        seen=1,
        tries=1,
        due_at=NOON + HOUR,
        cause="down",
        files=2,
        size=30,
        lacking=1,
        lacking_size=10,
    )
    settled = Settled(project=DEMO, row=row, held=[one], failures=[failure])
    for _ in range(2):
        await catalog.mirrors.settle("pypi", settled)

    assert await catalog.holdings.files("pypi", DEMO) == [one]
    assert await catalog.standings.failures("pypi", 10) == [failure]
    assert await catalog.standings.failed("pypi", 10) == [row]
    assert await catalog.mirrors.due("pypi", NOON, None, 10) == []
    assert await catalog.mirrors.due("pypi", NOON + HOUR, None, 10) == [row]
    assert await catalog.standings.standing("pypi") == Standing(
        projects=1, failed=1, files=2, size=30, files_lacking=1, size_lacking=10
    )


async def test_dropped(catalog: Catalog) -> None:
    """What is dropped is kept no longer, and a project that ended is no longer of the mirror."""
    await marked(catalog, demo=1)
    one, two = held("one", filename="demo-1.0.zip"), held("two", filename="demo-2.0.zip")
    row = Mirrored(project=DEMO, state=State.HELD, listed=1, seen=1)
    await catalog.mirrors.settle("pypi", Settled(project=DEMO, row=row, held=[one, two]))

    dropped = {(one.key, one.filename)}
    await catalog.mirrors.settle("pypi", Settled(project=DEMO, row=None, dropped=dropped))

    assert await catalog.holdings.files("pypi", DEMO) == [two]
    assert await catalog.standings.standing("pypi") == Standing()


async def test_rechecked(catalog: Catalog) -> None:
    """Some projects, or all, can be had looked at again; what is gone stays so."""
    await marked(catalog, a=1, b=2, c=3)
    await held_all(catalog)
    gone = Mirrored(project=ProjectName("c"), state=State.GONE, listed=3)
    await catalog.mirrors.settle("pypi", Settled(project=ProjectName("c"), row=gone))

    await catalog.mirrors.recheck("pypi", {B, ProjectName("c"), ProjectName("none")}, NOON)
    some = await catalog.mirrors.due("pypi", NOON, None, 10)
    await catalog.mirrors.recheck("pypi", None, NOON)
    every = await catalog.mirrors.due("pypi", NOON, None, 10)

    assert [(row.project, row.state) for row in some] == [(B, State.HELD)]
    assert [row.project for row in every] == [A, B]


async def test_lease(catalog: Catalog) -> None:
    """One holds a lease at a time: whoever has it renews it, and others have it when it ends."""
    take = catalog.leases.take
    minute = timedelta(minutes=1)

    assert await take("sync", "one", NOON, NOON + minute) is None
    assert await take("sync", "two", NOON, NOON + minute) == "one"
    assert await take("sync", "one", NOON, NOON + 2 * minute) is None
    assert await take("sync", "two", NOON + minute, NOON + 2 * minute) == "one"
    assert await take("sync", "two", NOON + 2 * minute, NOON + 3 * minute) is None
    await catalog.leases.give_back("sync", "one")
    assert await take("sync", "one", NOON, NOON + minute) == "two"
    await catalog.leases.give_back("sync", "two")
    assert await take("sync", "one", NOON, NOON + minute) is None
