"""Rules and routes as the file has them: what is right, and what is said of what is not."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloche.config import load
from cloche.core.errors import BadSetting
from cloche.core.model import ProjectName
from cloche.core.policy import Effect

RULED = """
[index.main]
sources = ["pypi"]
merge = ["numpy"]

[[index.main.route]]
projects = ["Acme.*"]

[[index.main.rule]]
kind = "cooldown"
name = "fresh"
days = 3
effect = "hide"
projects = ["a*"]
exempt = ["acme<2", { what = "apple", until = 2026-08-01 }]
expires = 2027-01-01T12:00:00Z
"""


def settings(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "cloche.toml"
    file.write_text(text)
    return file


def test_all_that_a_rule_can_have(tmp_path: Path) -> None:
    """Each key of a rule comes to what it says; a date begins at midnight UTC."""
    index = load(settings(tmp_path, RULED), environ={}).indexes["main"]
    clause = index.clauses[0]

    assert (clause.name, clause.kind, clause.effect) == ("fresh", "cooldown", Effect.HIDE)
    assert str(clause.projects) == "a*"
    assert [(each.selector.says, each.until) for each in clause.exempt] == [
        ("acme<2", None),
        ("apple", datetime(2026, 8, 1, tzinfo=UTC)),
    ]
    assert clause.expires == datetime(2027, 1, 1, 12, tzinfo=UTC)


def test_routes_and_merges(tmp_path: Path) -> None:
    """A routed name has the route's sources alone, another the index's; merging is by name."""
    index = load(settings(tmp_path, RULED), environ={}).indexes["main"]

    assert index.sources_of(ProjectName("acme-tools")) == ()
    assert index.sources_of(ProjectName("other")) == ("pypi",)
    assert index.merges(ProjectName("numpy"))
    assert not index.merges(ProjectName("other"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[index.main.rule]]\nkind = "cooldwn"', "did you mean cooldown"),
        ("[[index.main.rule]]\ndays = 7", "kind = None; known are"),
        ('[[index.main.rule]]\nkind = "cooldown"\ndays = 0', "days"),
        ('[[index.main.rule]]\nkind = "cooldown"\ndayz = 7', "cooldown.dayz; did you mean days"),
        ('[[index.main.rule]]\nkind = "yanked"\nexmpt = []', "exmpt; did you mean exempt"),
        ('[[index.main.rule]]\nkind = "cooldown"\nexempt = ["a b"]', "no version specifiers"),
        ('[[index.main.rule]]\nkind = "cooldown"\neffect = "ban"', "'hide' or 'deny'|ban"),
        ('[[index.main.rule]]\nkind = "cooldown"\n' * 2, "two rules of the name cooldown"),
        ('[[index.main.rule]]\nkind = "cooldown"\nname = "a\\nb"', "one line"),
        ("[[index.main.route]]\nprojects = []", "projects is empty"),
        ('[[index.main.route]]\nprojects = ["a b"]', "route.projects"),
        (
            '[[index.main.route]]\nprojects = ["a"]\nsources = ["tema"]',
            "route.sources names 'tema'",
        ),
        ('[index.main]\nmerge = ["/"]', "merge"),
        ('[index.main]\nfallthrough = "maybe"', "fallthrough"),
        (
            '[[index.a.route]]\nprojects = ["x"]\nsources = ["b"]\n[index.b]\nsources = ["a"]',
            "circle: a -> b -> a|circle: b -> a -> b",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, says: str) -> None:
    """Each mistake is an error that says which key, and what would be right."""
    with pytest.raises(BadSetting, match=says):
        load(settings(tmp_path, text), environ={})
