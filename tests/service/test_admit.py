"""Breaking glass: what is let past the rules, on the page and by a file's own address."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from cloche.core import marks
from cloche.core.errors import BadRequest, Denied, NoSuchAdmission
from cloche.core.index import Index
from cloche.core.model import ProjectName
from cloche.service.admit import Admit
from tests.catalog.samples import upload
from tests.packages import wheel
from tests.rules.samples import clause
from tests.service.worker import Clock, Employ, Options, Worker, names
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

DEMO = ProjectName("demo")
RULE = clause("cooldown", days=30)
OTHER = clause("cooldown", name="other", days=20)
INDEXES: Mapping[str, Index] = {
    "main": Index(name="main", sources=("team", "pypi"), uploads=True, clauses=(RULE, OTHER)),
    "team": Index(name="team", sources=("side",), uploads=True, clauses=(RULE,)),
    "side": Index(name="side", sources=("pypi",), uploads=True),
}
ONE, TWO = "demo-1.0.tar.gz", "demo-2.0.tar.gz"
HOUR = timedelta(hours=1)


@pytest.fixture
async def node(employ: Employ, clock: Clock) -> Worker:
    found = await employ(Options(indexes=INDEXES, clock=clock))
    for index in ("main", "side"):
        for version in ("1.0", "2.0"):
            await found.catalog.ledger.publish(
                upload(version=version, index=index, said=version, uploaded_at=clock())
            )
    return found


@pytest.fixture
def glass(node: Worker) -> Admit:
    return Admit(node.view, node.catalog.admissions, node.catalog.pulse, node.view.clock)


async def shown(node: Worker, index: str = "main") -> list[str]:
    return names((await node.shelf.get(index, DEMO)).page)


async def served(node: Worker, name: str, index: str = "main") -> bool:
    """Whether a file can be had by its own address, and its page lists it just then."""
    digest = upload(said=name.removeprefix("demo-").removesuffix(".tar.gz")).digest
    try:
        await node.files.find(index, DEMO, digest, name)  # type: ignore[arg-type]
    except Denied:
        assert name not in await shown(node, index)
        return False
    assert name in await shown(node, index)
    return True


async def test_a_version_is_let_past(node: Worker, glass: Admit, clock: Clock) -> None:
    """Page and file have it at once, to the very instant of its end, and nothing else."""
    assert (await served(node, ONE), await served(node, TWO)) == (False, False)

    made = await glass.admit(marks.part("main", "demo==1.0"), "ann", "a hole", clock() + HOUR)

    assert await glass.lifted(made) == [ONE]
    assert (await served(node, ONE), await served(node, TWO)) == (True, False)
    clock.move(3599.999)
    assert await served(node, ONE)
    clock.move(0.001)
    assert not await served(node, ONE)


async def test_it_ends_early(node: Worker, glass: Admit, clock: Clock) -> None:
    """What is ended is withheld at once; it cannot be ended again."""
    part = marks.part("main", ONE)
    await glass.admit(part, "ann", "a hole", clock() + HOUR)
    assert await served(node, ONE)

    await glass.end_all(part, "ann", "", None)

    assert not await served(node, ONE)
    with pytest.raises(NoSuchAdmission, match="past all rules of index main"):
        await glass.end_all(part, "ann", "", None)


async def test_past_one_rule(node: Worker, glass: Admit, clock: Clock) -> None:
    """Let past one rule, a file is withheld by another still; both rulings tell of it."""
    made = await glass.admit(marks.part("main", "demo"), "ann", "x", clock() + HOUR, "cooldown")

    assert await glass.lifted(made) == [ONE, TWO]
    assert not await served(node, ONE)
    rulings = (await node.view.project("main", DEMO)).rulings[ONE]
    assert [(each.rule, each.lifted == made.admission) for each in rulings] == [
        ("cooldown", True),
        ("other", False),
    ]
    await glass.admit(marks.part("main", ONE), "ann", "x", clock() + HOUR, "other")
    assert (await served(node, ONE), await served(node, TWO)) == (True, False)


async def test_only_the_index_s_own_rules(employ: Employ, glass: Admit, clock: Clock) -> None:
    """What another index withholds goes on being withheld, until it is let past there."""
    node = await employ(Options(indexes=_without_main_uploads(), clock=clock))
    await node.catalog.ledger.publish(upload(index="team", said="1.0", uploaded_at=clock()))
    above = Admit(node.view, node.catalog.admissions, node.catalog.pulse, clock)

    await above.admit(marks.part("top", "demo==1.0"), "ann", "x", clock() + HOUR)
    assert not await served(node, ONE, "top")

    await glass.admit(marks.part("team", "demo==1.0"), "ann", "x", clock() + HOUR)
    assert await served(node, ONE, "team")
    assert await served(node, ONE, "top")


def _without_main_uploads() -> Mapping[str, Index]:
    return {"top": Index(name="top", sources=("team",), clauses=(RULE,)), **INDEXES}


async def test_another_worker_sees_it(
    node: Worker, glass: Admit, clock: Clock, employ: Employ
) -> None:
    """When it is said, every worker shows it."""
    other = await employ(Options(indexes=INDEXES, clock=clock))
    assert not await served(other, ONE)

    await glass.admit(marks.part("main", "demo"), "ann", "x", clock() + HOUR)

    assert await served(other, ONE)
    assert await served(node, ONE)


async def test_a_kept_file_that_no_page_lists(
    employ: Employ, upstream: Upstream, clock: Clock
) -> None:
    """A file that its upstream has taken away, and that is kept, can be let past, too."""
    built = wheel("gone", "1.0")
    upstream.add(built)
    node = await employ(Options(indexes=INDEXES, clock=clock))
    glass = Admit(node.view, node.catalog.admissions, node.catalog.pulse, clock)
    artifact = await node.artifact(built)
    await node.bytes_of(built)
    upstream.remove(built)
    clock.move(100_000)
    gone = ProjectName("gone")
    with pytest.raises(Denied):
        await node.files.find("team", gone, artifact.key, built.filename)

    await glass.admit(marks.part("team", built.filename), "ann", "x", clock() + HOUR)

    found = await node.files.find("team", gone, artifact.key, built.filename)
    assert found.filename == built.filename
    clock.move(3600)
    with pytest.raises(Denied):
        await node.files.find("team", gone, artifact.key, built.filename)


async def test_what_is_refused(node: Worker, glass: Admit, clock: Clock) -> None:
    """Without a reason, for too long, or past no rule: nothing is let past."""
    soon, part = clock() + HOUR, marks.part("main", "demo")
    for why, until, rule in (
        ("", soon, None),
        ("x", clock() + 720 * HOUR + HOUR, None),
        ("x", clock(), None),
        ("x", soon, "licence"),
    ):
        with pytest.raises(BadRequest):
            await glass.admit(part, "ann", why, until, rule)
    with pytest.raises(BadRequest, match="no rules of its own"):
        await glass.admit(marks.part("side", "demo"), "ann", "x", soon)
    assert await glass.history(None, 0, 10) == []
    assert not await served(node, ONE)
