"""Attestations that are required, and publishers that are known."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloche.core.errors import BadSetting
from cloche.core.known import Facts, Known, Lack
from cloche.core.model import File
from tests.rules.samples import NOW, clause, offer

NAME = "demo-1.0.tar.gz"
STATED = File(filename=NAME, provenance="http://127.0.0.1:9/provenance")
BARE = File(filename=NAME)
OURS, GITLAB = "github:acme/demo/release.yml", "gitlab:acme/demo//.gitlab-ci.yml"


def reason(file: File, found: Facts | Lack | None = None, **settings: Any) -> str | None:
    """Why the rule objects to a file of which this is known, if it does."""
    known = Known({"provenance": {NAME: found}} if found is not None else {})
    judged = clause("provenance", **settings).judge(replace(offer(file), known=known), NOW)
    return next((said.reason for _, said in judged), None)


def signed(*signers: str) -> Facts:
    return {"signer": signers}


def test_required() -> None:
    """A file of which the page states no provenance is not shown; nothing need be looked at."""
    assert clause("provenance").needs == frozenset()
    assert reason(STATED) is None
    assert reason(BARE) == "no attestations of it are known"


def test_pinned() -> None:
    """A file is shown that one of the publishers has signed, however the host spells its name."""
    assert clause("provenance", publishers=[OURS]).needs == {"provenance"}
    assert reason(STATED, signed(OURS), publishers=[OURS]) is None
    assert reason(STATED, signed("github:Acme/Demo/release.yml"), publishers=[OURS]) is None
    assert reason(STATED, signed(GITLAB, OURS), publishers=[OURS]) is None
    assert reason(STATED, signed(GITLAB), publishers=[OURS, GITLAB]) is None


@pytest.mark.parametrize(
    "other",
    [
        "github:evil/demo/release.yml",
        "github:acme/demo/Release.yml",
        "gitlab:acme/demo//release.yml",
    ],
)
def test_a_stranger(other: str) -> None:
    """Who signed, and who should have, are both named."""
    assert reason(STATED, signed(other), publishers=[OURS]) == (
        f"it is signed by {other}, and is to be by {OURS}"
    )


def test_what_is_not_known() -> None:
    """A signature that was not verified is none."""
    later = Lack("its provenance is not known yet", NOW)
    assert reason(STATED, later, publishers=[OURS]) == (
        "who signed it is unknown: its provenance is not known yet"
    )
    assert reason(STATED, publishers=[OURS]) == (
        "who signed it is unknown: nobody has looked at its provenance"
    )
    assert reason(BARE, later, publishers=[OURS], required=False) is not None


def test_not_required() -> None:
    """Without `required`, who attests nothing is shown, and a stranger is not."""
    settings = {"publishers": [OURS], "required": False}
    assert reason(BARE, Lack("it offers no provenance"), **settings) is None
    assert reason(BARE, Lack("it offers no provenance"), publishers=[OURS]) is not None
    assert reason(STATED, signed(GITLAB), **settings) is not None


def test_a_file_that_is_listed_no_longer() -> None:
    """What was verified before its upstream deleted the file still counts."""
    assert reason(BARE, signed(OURS), publishers=[OURS]) is None
    assert reason(BARE, signed(GITLAB), publishers=[OURS]) is not None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"required": False}, "it asks nothing"),
        ({"publishers": ["acme/demo"]}, "'acme/demo' is no publisher"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any], words: str) -> None:
    """A rule of nothing and a publisher that is none are errors of the configuration."""
    with pytest.raises(BadSetting, match=words):
        clause("provenance", Path(), **settings)
