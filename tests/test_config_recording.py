"""Rules that are recorded judge as those that were set."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloche.config.recording import UNKNOWN, rebuilt, recorded, sources_of
from cloche.config.rules import clauses
from cloche.core.errors import BadSetting
from cloche.core.index import Index, Route
from cloche.core.patterns import names
from cloche.core.policy import Offer
from tests.rules.samples import NOW, SETTINGS, offers

TABLES: list[dict[str, Any]] = [
    {"kind": kind, **settings} for kind, samples in SETTINGS.items() for settings in samples
]


@given(table=st.sampled_from(TABLES), offer=offers())
def test_what_is_recorded_judges_alike(table: dict[str, Any], offer: Offer) -> None:
    """Each kind of rule says of each file what it said when it was set."""
    (was,) = clauses("main", [table], "cloche.toml", Path())
    (now,) = rebuilt("main", recorded([table], Path()))

    assert (now.name, now.kind, now.effect) == (was.name, was.kind, was.effect)
    said = [(each.file.filename, why) for each, why in was.judge(offer, NOW)]
    assert [(each.file.filename, why) for each, why in now.judge(offer, NOW)] == said


def test_lists_are_kept_by_value(tmp_path: Path) -> None:
    """A list that was changed or removed since is what it was."""
    (tmp_path / "requirements.txt").write_text("demo==1.0\n")
    table = {"kind": "deny", "files": ["requirements.txt"]}
    said = recorded([table], tmp_path)
    (tmp_path / "requirements.txt").write_text("other==1.0\n")
    assert recorded([table], tmp_path) != said
    (tmp_path / "requirements.txt").unlink()

    (clause,) = rebuilt("main", said)
    assert "demo" in repr(clause.rule)
    assert "other" not in repr(clause.rule)


def test_what_every_rule_can_have(tmp_path: Path) -> None:
    """Dates, exemptions and names come back as they were set."""
    table = {
        "kind": "cooldown",
        "name": "fresh",
        "effect": "hide",
        "exempt": ["acme<2", {"what": "apple", "until": date(2026, 8, 1)}],
        "expires": date(2027, 1, 1),
    }
    assert rebuilt("main", recorded([table], tmp_path)) == clauses("main", [table], "", tmp_path)


def test_no_rules_and_unknown_ones(tmp_path: Path) -> None:
    """No rules are recorded as nothing; what cannot be read is recorded as unknown."""
    assert rebuilt("main", recorded([], tmp_path)) == ()
    assert recorded([{"kind": "deny", "files": ["nowhere.txt"]}], tmp_path) == UNKNOWN
    with pytest.raises(BadSetting, match="could not be recorded"):
        rebuilt("main", UNKNOWN)
    with pytest.raises(BadSetting):
        rebuilt("main", recorded([{"kind": "no-more"}], tmp_path))


ROUTE = Route(projects=names(["acme-*"]), sources=("team",))
ASKING: list[dict[str, Any]] = [
    {},
    {"sources": ("pypi",)},
    {"sources": ("pypi", "team")},
    {"sources": ("team", "pypi")},
    {"routes": (ROUTE,)},
    {"routes": (Route(projects=names(["acme-*"]), sources=("pypi",)),)},
    {"routes": (Route(projects=names(["acme-*", "anvil"]), sources=("team",)),)},
    {"merge": names(["acme"])},
    {"fallthrough": "none"},
]


def test_whom_an_index_asks() -> None:
    """All that decides whose page an index shows is said, and nothing else."""
    said = [sources_of(Index(name="main", **each)) for each in ASKING]
    assert len(set(said)) == len(ASKING)
    assert sources_of(Index(name="other", uploads=True, read="authenticated")) == said[0]
