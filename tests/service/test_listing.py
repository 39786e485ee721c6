"""The lists of projects name none that rules withhold whole, by the name alone."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from cloche.core.index import Index
from cloche.core.marks import Part
from cloche.core.model import ProjectName
from cloche.core.policy import Admission, Clause
from cloche.core.roots import entries
from cloche.ports import Deed
from cloche.service.kept import Kept
from tests.catalog.samples import upload
from tests.packages import wheel
from tests.rules.samples import clause
from tests.service.worker import Clock, Employ, Options, Worker
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

DENIED = clause("deny", what=["demo"])
TYPO = clause("typosquat", protect=["demmo"])


def ruled(*clauses: Clause, team: tuple[Clause, ...] = ()) -> Mapping[str, Index]:
    """An index with rules over one of a team, and one without over the same upstream."""
    return {
        "main": Index(name="main", sources=("team", "pypi"), uploads=True, clauses=clauses),
        "team": Index(name="team", uploads=True, clauses=team),
        "all": Index(name="all", sources=("pypi",)),
    }


@pytest.fixture(autouse=True)
def offered(upstream: Upstream) -> None:
    upstream.add(wheel("demo", "1.0"))
    upstream.add(wheel("salt", "1.0"))


async def hired(employ: Employ, clock: Clock, indexes: Mapping[str, Index]) -> Worker:
    """A worker that keeps two pages of its upstream."""
    node = await employ(Options(clock=clock, indexes=indexes))
    for name in ("demo", "salt"):
        await node.shelf.get("all", ProjectName(name))
    await node.catalog.pulse.settle()
    return node


async def listed(node: Worker, index: str = "main") -> list[str]:
    """What the list says, which is what all others say."""
    root = await node.roots.get(index)
    found = [str(name) for some in entries(root.roll) for name in some]
    assert await node.view.projects(index) == found
    return found


async def publish(node: Worker, project: str, index: str) -> None:
    await node.catalog.ledger.publish(upload(project, index=index))
    await node.catalog.pulse.settle()


@pytest.mark.parametrize(
    "rule",
    [
        DENIED,
        TYPO,
        clause("deny", what=["demo"], effect="hide"),
        clause("allow", only=["salt"]),
        clause("pattern", project=["^d"]),
    ],
)
async def test_what_rules_withhold_by_name(employ: Employ, clock: Clock, rule: Clause) -> None:
    """A project that is denied or hidden whole is on no list of that index, and on others'."""
    node = await hired(employ, clock, ruled(rule))

    assert await listed(node) == ["salt"]
    assert await listed(node, "all") == ["demo", "salt"]


@pytest.mark.parametrize(
    "rule",
    [
        clause("deny", what=["demo==1.0"]),
        clause("deny", what=["demo"], exempt=["demo==1.0"]),
        clause("deny", what=["demo"], projects=["salt"]),
    ],
)
async def test_what_a_name_does_not_decide(employ: Employ, clock: Clock, rule: Clause) -> None:
    """A project of which a file may be shown is listed."""
    assert await listed(await hired(employ, clock, ruled(rule))) == ["demo", "salt"]


async def test_uploads_of_a_name_like_another(employ: Employ, clock: Clock) -> None:
    """An own upload takes the name over, and with it whether a rule minds it."""
    node = await hired(employ, clock, ruled(TYPO))
    assert await listed(node) == ["salt"]
    await publish(node, "demo", "team")

    assert await listed(node) == ["demo", "salt"]


async def test_the_first_owner_decides(employ: Employ, clock: Clock) -> None:
    """What the first owner's index withholds, no later source brings onto the list."""
    node = await hired(employ, clock, ruled(team=(DENIED,)))
    assert await listed(node) == ["demo", "salt"]
    await publish(node, "demo", "team")

    assert await listed(node) == ["salt"]
    assert await listed(node, "team") == []


async def test_it_changes_when_a_rule_ends(employ: Employ, clock: Clock) -> None:
    """At the instant at which a rule ends the list is another, and not a moment before."""
    rule = clause("deny", what=["demo"], expires=clock.now + timedelta(seconds=10))
    node = await hired(employ, clock, ruled(rule))
    assert await listed(node) == ["salt"]
    root = await node.roots.get("main")
    clock.move(9.999)
    assert node.roots.current(root)
    clock.move(0.001)

    assert not node.roots.current(root)
    assert await listed(node) == ["demo", "salt"]
    assert not root.holds


async def test_it_changes_when_an_exemption_ends(employ: Employ, clock: Clock) -> None:
    """What is exempt for a time is listed for that time, whatever else is written meanwhile."""
    free = {"what": "demo", "until": clock.now + timedelta(seconds=10)}
    node = await hired(employ, clock, ruled(clause("deny", what=["demo"], exempt=[free])))
    assert await listed(node) == ["demo", "salt"]
    await publish(node, "pepper", "main")
    assert await listed(node) == ["demo", "pepper", "salt"]
    clock.move(10)
    await publish(node, "sugar", "main")

    assert await listed(node) == ["pepper", "salt", "sugar"]


async def test_what_is_let_past_is_listed(employ: Employ, clock: Clock) -> None:
    """A project of which anything is let past the rules is listed until that ends."""
    node = await hired(employ, clock, ruled(DENIED))
    assert await listed(node) == ["salt"]
    admission = Admission(
        part=Part(index="main", project=ProjectName("demo")),
        who="ana",
        reason="the build must go on",
        until=clock.now + timedelta(hours=1),
    )
    made = await node.catalog.admissions.admit(admission, clock.now)
    await node.catalog.pulse.settle()
    assert await listed(node) == ["demo", "salt"]
    clock.move(3600)
    assert await listed(node) == ["salt"]
    clock.move(-60)

    await node.catalog.admissions.end("main", made.serial, Deed(who="ana", at=clock.now))
    await node.catalog.pulse.settle()
    assert await listed(node) == ["salt"]


async def test_what_is_kept_is_listed_alike(employ: Employ, clock: Clock) -> None:
    """The list of what is here, files and all, names nothing else."""
    node = await hired(employ, clock, ruled(DENIED))
    for built in (wheel("demo", "1.0"), wheel("salt", "1.0")):
        async for _ in node.fetch.bring(await node.artifact(built)):
            pass  # until it is recorded, which comes after its bytes
    kept = Kept(node.view, node.catalog.ledger, node.catalog.holdings)

    assert await kept.projects("main") == ["salt"]
    assert await kept.projects("all") == ["demo", "salt"]
