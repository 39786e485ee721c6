"""Regular expressions over what a version's metadata says, or its page of a file."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cloche.core.errors import BadSetting
from cloche.core.known import Known, Lack
from cloche.core.model import File
from tests.rules.samples import NOW, clause, offer

WHEEL = File(
    filename="demo-1.0-cp311-cp311-win_amd64.whl",
    hashes={"sha256": "ab" * 32},
    size=1000,
    upload_time=datetime(2026, 3, 1, tzinfo=UTC),
    requires_python=">=3.9",
    yanked="broken",
)
SDIST = File(filename="demo-1.0.tar.gz")
FACTS = {"classifier": ("Typing :: Typed", "Topic :: Internet"), "author": ("Ann",)}


def reason(found: Any, file: File = SDIST, **settings: Any) -> str | None:
    """Why the rule objects to a file of which this is known, if it does."""
    known = Known({"metadata": {file.filename: found}})
    judged = clause("metadata", **settings).judge(replace(offer(file), known=known), NOW)
    return next((said.reason for _, said in judged), None)


def lets(**settings: Any) -> bool:
    return reason(FACTS, field="Classifier", **settings) is None


def test_any() -> None:
    """One of the values is to match one of the patterns, anywhere in it."""
    assert lets(any=["^Framework", "Typed$"])
    assert not lets(any=["^Framework", "^Typed$"])


def test_all() -> None:
    """Each pattern is to match one of the values."""
    assert lets(all=["Typed", "Internet"])
    assert not lets(all=["Typed", "Framework"])


def test_none() -> None:
    """No value may match any pattern."""
    assert lets(none=["Framework"])
    assert not lets(none=["Framework", "internet", "(?i)internet"])


def test_together() -> None:
    """All that is asked of a field is to hold."""
    assert lets(any=["Typed"], none=["Framework"])
    assert not lets(any=["Typed"], none=["Internet"])
    assert not lets(any=["Framework"], none=["Framework"])


def test_a_field_that_is_missing() -> None:
    """A field that is not stated counts against the file, unless the rule says else."""
    assert reason(FACTS, field="maintainer", none=["x"]) == "it states no maintainer"
    assert reason(FACTS, field="maintainer", any=["x"], missing="allow") is None


def test_metadata_that_was_not_to_be_had() -> None:
    """What a file can never tell is a field that is missing; what it may yet tell is not."""
    never, later = Lack("it offers no metadata"), Lack("it is not known yet", NOW)
    assert reason(never, field="author", any=["."]) == (
        "its author is unknown: it offers no metadata"
    )
    assert reason(never, field="author", any=["."], missing="allow") is None
    assert reason(later, field="author", any=["."], missing="allow") == (
        "its author is unknown: it is not known yet"
    )


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("filename", "win_amd64"),
        ("packagetype", "^bdist_wheel$"),
        ("python-tag", "^cp311$"),
        ("abi-tag", "^cp311$"),
        ("platform-tag", "^win_amd64$"),
        ("requires-python", r"^>=3\.9$"),
        ("sha256", "^(ab){32}$"),
        ("size", "^1000$"),
        ("upload-time", "^2026-03-01T"),
        ("yanked", "^broken$"),
    ],
)
def test_facts_of_the_page(field: str, said: str) -> None:
    """What the page says of a file can be asked too, and needs no look at its metadata."""
    rule = clause("metadata", field=field, any=[said])

    assert rule.needs == frozenset()
    assert list(rule.judge(offer(WHEEL), NOW)) == []
    assert reason(None, WHEEL, field=field, none=[said]) == f"its {field} is not as wanted here"


def test_metadata_is_needed_for_its_fields_alone() -> None:
    """A field of the metadata has it looked at."""
    assert clause("metadata", field="Author", any=["."]).needs == {"metadata"}


@pytest.mark.parametrize(
    ("value", "admitted"),
    [(">=3.8", True), ("<3.11", False), ("3.12", True), ("3.13", False), ("rubbish", False)],
)
def test_ranges(value: str, admitted: bool) -> None:  # noqa: FBT001
    """A range is to admit one of the versions, a version is to be one of them."""
    file = File(filename="demo-1.0.tar.gz", requires_python=value)
    found = reason({}, file, field="requires-python", admits=["3.11", "3.12"])

    assert (found is None) is admitted
    long = File(filename="demo-1.0.tar.gz", requires_python=">=3.8," * 1000)
    assert reason({}, long, field="requires-python", admits=["3.11"])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"field": "classifiers", "any": ["x"]}, "which is none; did you mean classifier"),
        ({"field": "classifier"}, "asks nothing"),
        ({"field": "classifier", "any": ["("]}, "is no regular expression"),
        ({"field": "classifier", "any": ["x" * 1001]}, "over 1000 characters"),
        ({"field": "requires-python", "admits": ["three"]}, "'three' is no version"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any], words: str) -> None:
    """A field that there is not, and patterns that are none, are errors of the configuration."""
    with pytest.raises(BadSetting, match=words):
        clause("metadata", Path(), **settings)
