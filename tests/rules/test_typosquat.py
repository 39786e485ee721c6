"""`typosquat`: names too near to a protected one."""

import pytest

from cloche.core.errors import BadSetting
from cloche.core.model import File, ProjectName
from tests.rules.samples import NOW, clause, offer

FILE = File(filename="demo-1.0.tar.gz")
RULE = clause("typosquat", protect=["Requests", "acme-*", "data.science-*"], exempt=["request"])


def objects(project: str, *, hosted: bool = False) -> bool:
    candidates = offer(FILE, hosted=hosted, project=ProjectName(project))
    return bool(list(RULE.judge(candidates, NOW)))


@pytest.mark.parametrize(
    "project",
    ["reqeusts", "py-requests", "re-quests", "acmetools", "acm-tools", "acmee", "data-sciense-x"],
)
def test_near_names_are_withheld(project: str) -> None:
    """What may be taken for a protected name, or for one that a pattern matches, is withheld."""
    assert objects(project)


@pytest.mark.parametrize("project", ["requests", "acme-tools", "data-science-kit", "flask", "data"])
def test_protected_names_go_free(project: str) -> None:
    """The names themselves are let be, and what resembles none of them."""
    assert not objects(project)


def test_own_uploads_go_free() -> None:
    """Whoever may upload here need not hide behind a name."""
    assert not objects("reqeusts", hosted=True)
    assert RULE.shuts(ProjectName("reqeusts"), NOW, hosted=True) is None
    assert RULE.shuts(ProjectName("reqeusts"), NOW, hosted=False)


def test_exempt_names_go_free() -> None:
    """A neighbour that is known to be honest can be let be."""
    assert not objects("request")
    assert objects("requestz")


def test_the_reason_names_the_protected_one() -> None:
    """Who is refused reads which name was perhaps meant."""
    said = RULE.shuts(ProjectName("requezts"), NOW, hosted=False)

    assert said is not None
    assert said.reason == "its name may be taken for requests, which is protected"


@pytest.mark.parametrize(
    ("protect", "said"),
    [([], "protect is empty"), (["*"], "too little"), (["abc-*"], "too little"), (["a b"], "name")],
)
def test_what_protects_nothing_is_refused(protect: list[str], said: str) -> None:
    """A pattern that begins with almost nothing would withhold half of the world."""
    with pytest.raises(BadSetting, match=said):
        clause("typosquat", protect=protect)
