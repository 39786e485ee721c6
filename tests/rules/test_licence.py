"""Licences that are wanted, and such that are not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloche.core.errors import BadSetting
from cloche.core.known import Facts, Known, Lack
from cloche.core.model import File
from tests.rules.samples import NOW, clause, offer

FILE = File(filename="demo-1.0.tar.gz")


def reason(found: Facts | Lack | None, **settings: Any) -> str | None:
    """Why the rule objects to a file of which this is known, if it does."""
    known = Known({"metadata": {FILE.filename: found}} if found is not None else {})
    judged = clause("licence", **settings).judge(replace(offer(FILE), known=known), NOW)
    return next((said.reason for _, said in judged), None)


def lets(expression: str, **settings: Any) -> bool:
    return reason({"license-expression": (expression,)}, **settings) is None


def test_allowed() -> None:
    """What may be used under a licence of the list is shown, whatever case it is written in."""
    assert lets("MIT", allow=["mit", "BSD-*"])
    assert lets("BSD-3-Clause", allow=["mit", "bsd-*"])
    assert lets("MIT OR AGPL-3.0-only", allow=["MIT"])
    assert not lets("MIT AND AGPL-3.0-only", allow=["MIT"])
    assert not lets("ISC", allow=["MIT", "BSD-*"])


def test_denied() -> None:
    """What can be used only under a licence of the list is not shown; a choice is a way out."""
    assert not lets("AGPL-3.0-only", deny=["AGPL-3.0-*"])
    assert not lets("AGPL-3.0", deny=["AGPL-3.0-*"])
    assert not lets("MIT AND AGPL-3.0-or-later", deny=["AGPL-*"])
    assert lets("MIT OR AGPL-3.0-or-later", deny=["AGPL-*"])
    assert lets("ISC", deny=["AGPL-*"])


def test_both_lists() -> None:
    """What is on both lists is not wanted."""
    assert not lets("GPL-3.0-only", allow=["GPL-*", "MIT"], deny=["GPL-3.0-*"])
    assert lets("GPL-2.0-only", allow=["GPL-*", "MIT"], deny=["GPL-3.0-*"])


def test_exceptions() -> None:
    """A licence stands for itself with any exception; an exception may be asked for."""
    classpath = "GPL-2.0-only WITH Classpath-exception-2.0"
    assert lets(classpath, allow=["GPL-2.0-only"])
    assert lets(classpath, allow=[classpath])
    assert not lets("GPL-2.0-only", allow=[classpath])
    assert not lets(classpath, deny=["GPL-*"])


def test_later_versions() -> None:
    """`+` may be any later one too: the one that is named is among them."""
    assert lets("Apache-2.0+", allow=["Apache-2.0"])
    assert not lets("Apache-2.0+", deny=["Apache-2.0"])


def test_what_is_not_stated() -> None:
    """Metadata that states no clear licence counts against the file, unless the rule says else."""
    assert reason({"name": ("demo",)}, allow=["MIT"]) == "its metadata states no clear licence"
    assert reason({"name": ("demo",)}, allow=["MIT"], unknown="allow") is None
    assert reason(Lack("it offers no metadata"), deny=["MIT"]) == (
        "its licence is unknown: it offers no metadata"
    )
    assert reason(Lack("it offers no metadata"), deny=["MIT"], unknown="allow") is None


def test_what_could_not_be_looked_at() -> None:
    """Metadata that may be had later counts against the file until then, whatever the rule says."""
    later = Lack("its metadata is not known yet", NOW)
    for unknown in ("deny", "allow"):
        assert reason(later, allow=["MIT"], unknown=unknown) == (
            "its licence is unknown: its metadata is not known yet"
        )
    assert (
        reason(None, allow=["MIT"]) == "its licence is unknown: nobody has looked at its metadata"
    )


def test_the_reason_names_the_licence() -> None:
    """Who is refused learns which licence it was."""
    assert reason({"license": ("GPLv3",)}, allow=["MIT"]) == (
        "its licence is GPL-3.0-only, which is not wanted here"
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "allow and deny are empty"),
        ({"allow": ["Apache2"]}, "'Apache2' is no SPDX licence"),
        ({"deny": ["MIT OR ISC"]}, "'MIT OR ISC' is no SPDX licence"),
        ({"deny": ["GPL *"]}, "'GPL \\*' is no SPDX licence"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any], words: str) -> None:
    """A list of nothing, and what can never be a licence, are errors of the configuration."""
    with pytest.raises(BadSetting, match=words):
        clause("licence", Path(), **settings)
