"""A project that rules deny whole, by its name, is not looked for at any upstream."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from cloche.core.errors import Denied, NoSuchProject
from cloche.core.index import Index
from cloche.core.marks import Part
from cloche.core.model import FileKey, ProjectName
from cloche.core.patterns import names
from cloche.core.policy import Admission, Clause
from tests.catalog.samples import upload
from tests.packages import wheel
from tests.rules.samples import clause
from tests.service.worker import Clock, Employ, Options, Worker
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

NAME = ProjectName("demo")
BUILT = wheel("demo", "1.0")
DENIED = clause("deny", what=["demo"])
ALLOWED = clause("allow", only=["salt"])
TYPO = clause("typosquat", protect=["demmo"])


@pytest.fixture(autouse=True)
def listed(upstream: Upstream) -> None:
    upstream.add(BUILT)


def ruled(*clauses: Clause, **more: Any) -> dict[str, Index]:
    more = {"sources": ("pypi",), "uploads": True, **more}
    return {"main": Index(name="main", clauses=clauses, **more)}


def nested(outer: tuple[Clause, ...], inner: tuple[Clause, ...]) -> dict[str, Index]:
    return {
        "main": Index(name="main", sources=("team",), clauses=outer),
        "team": Index(name="team", sources=("pypi",), uploads=True, clauses=inner),
    }


async def denied(node: Worker) -> Mapping[str, object]:
    with pytest.raises(Denied) as error:
        await node.shelf.get("main", NAME)
    return error.value.members


async def shown(node: Worker) -> list[str]:
    return [file.filename for file in (await node.shelf.get("main", NAME)).page.files]


@pytest.mark.parametrize("rule", [DENIED, ALLOWED, TYPO], ids=lambda rule: rule.kind)
async def test_no_upstream_hears_of_it(employ: Employ, upstream: Upstream, rule: Clause) -> None:
    """Page, file and metadata are denied, by which rule and why, and nobody is asked."""
    node = await employ(Options(indexes=ruled(rule)))
    members = await denied(node)
    for beside in ("", ".metadata"):
        with pytest.raises(Denied):
            await node.files.find("main", NAME, FileKey(BUILT.sha256), BUILT.filename + beside)

    assert (members["index"], members["by"], members["rule"]) == ("main", "main", rule.kind)
    assert members["reason"]
    assert upstream.requests() == []


@pytest.mark.parametrize(
    "rule",
    [
        clause("deny", what=["demo==2.0"]),
        clause("deny", what=["demo"], effect="hide"),
        clause("deny", what=["demo"], projects=["salt"]),
        clause("deny", what=["demo"], exempt=["demo==1.0"]),
        clause("allow", only=["demo<2"]),
        clause("pattern", filename=["demo"]),
    ],
)
async def test_what_a_name_does_not_decide(
    employ: Employ, upstream: Upstream, rule: Clause
) -> None:
    """Where more than the name counts, or the file may be fetched, the upstream is asked."""
    node = await employ(Options(indexes=ruled(rule)))

    await node.view.project("main", NAME)

    assert upstream.requests("/simple/demo/")


@pytest.mark.parametrize(("outer", "inner"), [((DENIED,), ()), ((), (DENIED,))])
async def test_an_index_on_the_way(
    employ: Employ, upstream: Upstream, outer: tuple[Clause, ...], inner: tuple[Clause, ...]
) -> None:
    """The rules of every index on the way count, whichever of them is asked."""
    node = await employ(Options(indexes=nested(outer, inner)))
    members = await denied(node)

    assert (members["index"], members["by"]) == ("main", "main" if outer else "team")
    assert upstream.requests() == []


async def test_a_denied_name_is_not_answered_by_the_next(
    employ: Employ, upstream: Upstream
) -> None:
    """What one source may not show, no source behind it shows."""
    indexes = nested((), (DENIED,))
    indexes["main"] = Index(name="main", sources=("team", "pypi"))
    node = await employ(Options(indexes=indexes))

    assert (await denied(node))["by"] == "team"
    assert upstream.requests() == []


async def test_uploads_are_judged_by_themselves(employ: Employ, upstream: Upstream) -> None:
    """An own upload is shown where a rule is about upstreams, and denied where it is not."""
    node = await employ(Options(indexes=nested((TYPO,), ())))
    await node.catalog.ledger.publish(upload("demo", "3.0", index="team"))
    assert await shown(node) == ["demo-3.0.tar.gz"]

    strict = await employ(Options(indexes=nested((DENIED,), ())))
    sight = await strict.view.project("main", NAME)
    assert (sight.page.files, list(sight.withheld)) == ((), ["demo-3.0.tar.gz"])
    assert upstream.requests() == []


async def test_a_merged_project_is_looked_for(employ: Employ) -> None:
    """Of a merged project own uploads are shown, and what rules deny is not."""
    node = await employ(Options(indexes=ruled(TYPO, merge=names(["demo"]))))
    await node.catalog.ledger.publish(upload("demo", "3.0"))

    sight = await node.view.project("main", NAME)

    assert [file.filename for file in sight.page.files] == ["demo-3.0.tar.gz"]
    assert list(sight.withheld) == [BUILT.filename]


async def test_it_ends_with_the_rule(employ: Employ, upstream: Upstream, clock: Clock) -> None:
    """At the instant at which the rule ends the project is there."""
    rule = clause("deny", what=["demo"], expires=clock.now + timedelta(seconds=5))
    node = await employ(Options(clock=clock, indexes=ruled(rule)))
    await denied(node)
    assert upstream.requests() == []
    clock.move(5)

    assert await shown(node) == [BUILT.filename]


async def test_what_is_let_past_is_looked_for(employ: Employ, clock: Clock) -> None:
    """While somebody lets the project past the rule it is shown, and not a moment longer."""
    node = await employ(Options(clock=clock, indexes=ruled(DENIED)))
    admission = Admission(
        part=Part(index="main", project=NAME),
        who="ana",
        reason="the build must go on",
        until=clock.now + timedelta(hours=1),
    )
    await node.catalog.admissions.admit(admission, clock.now)
    await node.catalog.pulse.settle()
    assert await shown(node) == [BUILT.filename]
    clock.move(3600)

    assert (await denied(node))["rule"] == "deny"


async def test_clients_are_not_sent_there(employ: Employ) -> None:
    """Where an upstream is left to clients, they are not sent to it for what is denied."""
    settings = {"mode": "redirect"}
    node = await employ(Options(settings=settings, indexes=ruled(DENIED)))

    assert (await denied(node))["rule"] == "deny"


async def test_where_nobody_would_be_asked(employ: Employ) -> None:
    """A name that no source may be asked for is unknown, whatever rules say of it."""
    node = await employ(Options(indexes=ruled(DENIED, fallthrough="none")))

    with pytest.raises(NoSuchProject):
        await node.shelf.get("main", NAME)
