"""How rules add up: the strongest counts, what is lifted does not, each instant is named."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from msgspec import Struct

from cloche.core.marks import Part
from cloche.core.model import File
from cloche.core.patterns import names, selector
from cloche.core.policy import (
    FOREVER,
    Admission,
    Candidate,
    Clause,
    Effect,
    Exemption,
    Objection,
    Offer,
    joined,
    judge,
    settled,
)
from tests.rules.samples import DEMO, NOW, offer

DAY = timedelta(days=1)
ONE, TWO = File(filename="demo-1.0.tar.gz"), File(filename="demo-2.0.tar.gz")


class Against(Struct, frozen=True):
    """Objects to files of these names until some time."""

    filenames: tuple[str, ...]
    until: datetime | None = None

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:  # noqa: ARG002
        for candidate in offer.candidates:
            if candidate.file.filename in self.filenames:
                yield candidate, Objection("so it is", self.until)


def clause(name: str, *files: File, until: datetime | None = None, **more: object) -> Clause:
    rule = Against(tuple(file.filename for file in files), until)
    return Clause(name=name, kind="against", rule=rule, **more)  # type: ignore[arg-type]


def admission(until: datetime, rule: str | None = None, version: str | None = None) -> Admission:
    part = Part(index="main", project=DEMO, version=version)
    return Admission(part=part, who="ana", reason="hotfix", until=until, rule=rule)


def test_what_no_rule_minds_has_no_ruling() -> None:
    """Only files that a rule objects to are in a judgement."""
    found = judge(offer(ONE, TWO), [clause("a", TWO)], NOW)

    assert list(found.rulings) == [TWO.filename]
    assert found.until == FOREVER


def test_deny_goes_before_hide_and_the_longest_counts() -> None:
    """Of several rulings on a file that one counts which lets go of it last."""
    clauses = [
        clause("hidden", ONE, effect=Effect.HIDE),
        clause("short", ONE, until=NOW + DAY),
        clause("long", ONE, until=NOW + 2 * DAY),
    ]
    found = judge(offer(ONE), clauses, NOW)
    ruling = settled(found.rulings[ONE.filename])

    assert ruling is not None
    assert (ruling.rule, ruling.effect, ruling.until) == ("long", Effect.DENY, NOW + 2 * DAY)
    assert found.until == NOW + DAY


@pytest.mark.parametrize(("project", "applies"), [("demo", True), ("dem*", True), ("other", False)])
def test_a_rule_for_some_projects(project: str, applies: bool) -> None:  # noqa: FBT001
    """A rule with `projects` leaves the others alone."""
    found = judge(offer(ONE), [clause("a", ONE, projects=names([project]))], NOW)

    assert bool(found.rulings) is applies


def test_a_rule_that_has_expired() -> None:
    """A rule holds until the instant at which it expires, which the judgement names."""
    ends = [clause("a", ONE, expires=NOW + DAY)]

    assert judge(offer(ONE), ends, NOW).until == NOW + DAY
    assert not judge(offer(ONE), ends, NOW + DAY).rulings


def test_an_exemption_that_ends() -> None:
    """What is exempt for a time is judged as all else from that instant on."""
    free = Exemption(selector("demo<2"), NOW + DAY)
    rule = clause("a", ONE, TWO, exempt=(free,))
    before, after = (judge(offer(ONE, TWO), [rule], at) for at in (NOW, NOW + DAY))

    assert (list(before.rulings), before.until) == ([TWO.filename], NOW + DAY)
    assert list(after.rulings) == [ONE.filename, TWO.filename]


def test_an_exemption_of_unknown_versions() -> None:
    """A file whose version is unknown is not among the versions that are exempt."""
    odd = File(filename="demo.what")

    assert judge(
        offer(odd), [clause("a", odd, exempt=(Exemption(selector("demo<2")),))], NOW
    ).rulings


def test_an_admission_lifts_rulings_until_it_ends() -> None:
    """What is admitted counts for nothing for a time; it stays to be seen."""
    rules = [clause("a", ONE, TWO), clause("b", ONE, TWO)]
    lifted = [admission(NOW + DAY, version="1.0")]
    before = judge(offer(ONE, TWO), rules, NOW, lifted)
    after = judge(offer(ONE, TWO), rules, NOW + DAY, lifted)

    assert settled(before.rulings[ONE.filename]) is None
    assert settled(before.rulings[TWO.filename]) is not None
    assert [each.lifted for each in before.rulings[ONE.filename]] == lifted * 2
    assert before.until == NOW + DAY
    assert settled(after.rulings[ONE.filename]) is not None


def test_an_admission_past_one_rule() -> None:
    """An admission past one rule leaves the others as they are."""
    rules = [clause("a", ONE), clause("b", ONE)]
    found = judge(offer(ONE), rules, NOW, [admission(NOW + DAY, rule="a")])
    ruling = settled(found.rulings[ONE.filename])

    assert ruling is not None
    assert ruling.rule == "b"


def test_rulings_of_several_indexes_add_up() -> None:
    """Nothing that one of them says is lost."""
    first = judge(offer(ONE), [clause("a", ONE)], NOW).rulings
    second = judge(offer(ONE, TWO), [clause("b", ONE, TWO)], NOW).rulings
    both = joined(first, second)

    assert {name: [each.rule for each in found] for name, found in both.items()} == {
        ONE.filename: ["a", "b"],
        TWO.filename: ["b"],
    }
