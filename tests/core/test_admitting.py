from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloche.core import admitting
from cloche.core.errors import BadRequest
from cloche.core.index import Index
from tests.rules.samples import NOW, clause

RULED = Index(name="main", clauses=(clause("cooldown", Path()),), admit_days=30)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("90m", timedelta(minutes=90)),
        ("12h", timedelta(hours=12)),
        (" 3 d ", timedelta(days=3)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_periods(said: str, meant: timedelta) -> None:
    """A period is a number and the letter of its unit."""
    assert admitting.end(None, said, NOW) == NOW + meant


def test_dates() -> None:
    """A date begins at midnight UTC; a time of another zone is that instant."""
    assert admitting.end("2027-01-31", None, NOW) == datetime(2027, 1, 31, tzinfo=UTC)
    said = admitting.end("2027-01-31T02:00+02:00", None, NOW)
    assert said == datetime(2027, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("until", "period"),
    [(None, None), ("2027-01-31", "3d"), ("soon", None), (None, "3"), (None, "-3d"), (None, "3y")],
)
def test_no_end(until: str | None, period: str | None) -> None:
    """What is no date and no period, or both, is refused."""
    with pytest.raises(BadRequest):
        admitting.end(until, period, NOW)


def test_a_reason_is_required() -> None:
    """Nothing, or white space alone, is no reason."""
    assert admitting.reason(" CVE ") == "CVE"
    for said in ("", "  ", "a\nb"):
        with pytest.raises(BadRequest):
            admitting.reason(said)


def test_how_long() -> None:
    """An admission ends in the future, and no later than the index allows."""
    for days in (0.1, 30):
        admitting.check(RULED, None, NOW + timedelta(days=days), NOW)
    for days, words in ((0, "is over"), (-1, "is over"), (30.1, "at most 30 days")):
        with pytest.raises(BadRequest, match=words):
            admitting.check(RULED, None, NOW + timedelta(days=days), NOW)


def test_which_rule() -> None:
    """It is past a rule that the index has; one without rules has nothing to be let past."""
    soon = NOW + timedelta(days=1)
    admitting.check(RULED, "cooldown", soon, NOW)
    with pytest.raises(BadRequest, match="its rules are cooldown"):
        admitting.check(RULED, "licence", soon, NOW)
    with pytest.raises(BadRequest, match="no rules of its own"):
        admitting.check(Index(name="main"), None, soon, NOW)
