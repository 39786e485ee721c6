"""What every kind of rule promises, tried on each that lies in the folder."""

import pickle
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloche.core.errors import BadSetting
from cloche.core.model import ProjectName
from cloche.core.policy import Candidate, Clause, Effect, Offer, judge, settled
from tests.rules.samples import NOW, SETTINGS, clause, every_kind, offers

CLAUSES = [clause(kind, **settings) for kind in every_kind() for settings in SETTINGS.get(kind, [])]
each_clause = pytest.mark.parametrize("one", CLAUSES, ids=lambda one: one.kind)


def withheld(offer: Offer, clauses: list[Clause]) -> set[str]:
    rulings = judge(offer, clauses, NOW).rulings
    return {name for name, each in rulings.items() if settled(each)}


def test_every_kind_is_tried() -> None:
    """A kind of rule without settings to try it with would be untested."""
    assert set(every_kind()) == set(SETTINGS)


@pytest.mark.parametrize("kind", every_kind())
def test_unknown_keys_are_refused(kind: str) -> None:
    """A key that the kind does not have is an error that names it."""
    with pytest.raises(BadSetting, match="dayz"):
        clause(kind, **{**SETTINGS[kind][0], "dayz": 7})


@each_clause
@given(offer=offers())
def test_it_can_go_to_another_process(one: Clause, offer: Offer) -> None:
    """Workers get the rules from the process that read the settings, and judge alike."""
    other: Clause = pickle.loads(pickle.dumps(one))  # noqa: S301 - written here

    assert list(other.judge(offer, NOW)) == list(one.judge(offer, NOW))


@each_clause
@given(offer=offers())
def test_judging_is_pure(one: Clause, offer: Offer) -> None:
    """The same offer at the same time is judged the same, file by file, each at most once."""
    first = [(each.file.filename, said) for each, said in one.judge(offer, NOW)]
    again = [(each.file.filename, said) for each, said in one.judge(offer, NOW)]

    assert first == again
    assert len(first) == len(dict(first))
    assert {name for name, _ in first} <= {each.file.filename for each in offer.candidates}


@each_clause
@given(offer=offers())
def test_reasons_are_for_people(one: Clause, offer: Offer) -> None:
    """Each objection is one readable line, and ends in the future if it ends."""
    for _, said in one.judge(offer, NOW):
        assert said.reason.isprintable()
        assert 0 < len(said.reason) <= 300
        assert said.until is None or said.until > NOW


@each_clause
@given(offer=offers())
def test_it_ends_when_it_says(one: Clause, offer: Offer) -> None:
    """Until the earliest instant named nothing changes; at a file's own instant it is free."""
    before = judge(offer, [one], NOW)
    instant = before.until - timedelta(microseconds=1)

    assert judge(offer, [one], max(NOW, instant)).rulings.keys() == before.rulings.keys()
    for candidate, said in one.judge(offer, NOW):
        if said.until is not None:
            later = judge(offer, [one], said.until).rulings
            assert candidate.file.filename not in later


@each_clause
@given(offer=offers(), project=st.sampled_from(["demo", "dem-o", "other", "pepper"]), hosted=...)
def test_who_shuts_a_project_objects_to_every_file(
    one: Clause, offer: Offer, *, project: str, hosted: bool
) -> None:
    """What a rule says of a project by its name alone, it says of each of its files."""
    name = ProjectName(project)
    candidates = [Candidate(each.file, "pypi", hosted=hosted) for each in offer.candidates]
    objected = list(one.judge(Offer("main", name, candidates), NOW))

    if said := one.shuts(name, NOW, hosted=hosted):
        assert {id(each) for each, _ in objected} == set(map(id, candidates))
        assert said.reason.isprintable()
        assert 0 < len(said.reason) <= 300


@given(offer=offers(), chosen=st.lists(st.sampled_from(CLAUSES), unique=True), data=st.data())
def test_one_more_rule_never_adds_a_file(
    offer: Offer, chosen: list[Clause], data: st.DataObject
) -> None:
    """Whatever is withheld by some rules is withheld by them and another one."""
    more = data.draw(st.sampled_from(CLAUSES))

    assert withheld(offer, chosen) <= withheld(offer, [*chosen, more])


@given(offer=offers(), chosen=st.lists(st.sampled_from(CLAUSES), unique=True), data=st.data())
def test_order_does_not_matter(offer: Offer, chosen: list[Clause], data: st.DataObject) -> None:
    """The same rules in another order come to the same effects, with the same ends."""
    shuffled = data.draw(st.permutations(chosen))

    def effects(clauses: list[Clause]) -> dict[str, tuple[Effect, object] | None]:
        found = judge(offer, clauses, NOW)
        return {
            name: (each.effect, each.until) if (each := settled(rulings)) else None
            for name, rulings in found.rulings.items()
        }

    assert effects(chosen) == effects(shuffled)


@each_clause
@given(offer=offers())
def test_exempt_projects_are_let_be(one: Clause, offer: Offer) -> None:
    """A rule has nothing against a project that is exempt from it."""
    settings = next(each for each in SETTINGS[one.kind])
    free = clause(one.kind, **settings, exempt=["dem*"])

    assert list(free.judge(offer, NOW)) == []
    assert free.shuts(offer.project, NOW, hosted=False) is None
