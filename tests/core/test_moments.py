from datetime import UTC, datetime

import pytest

from cloche.core.errors import BadName
from cloche.core.moments import moment, snapshot_name, wish

MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2026-03-01", MARCH),
        ("2026-03-01T00:00:00Z", MARCH),
        ("2026-03-01t02:30:00+02:30", MARCH),
        ("2026-03-01T12:00Z", MARCH.replace(hour=12)),
        ("2026-03-01T00:00:00.000001Z", MARCH.replace(microsecond=1)),
        ("1", 1),
        ("20260301", 20260301),
        ("q1-freeze", "q1-freeze"),
    ],
)
def test_what_is_meant(said: str, meant: object) -> None:
    """A date is its beginning in UTC, digits are a serial, letters a snapshot."""
    assert moment(said) == meant
    assert wish(said) == (meant, "now")
    assert wish(f"{said}+then") == (meant, "then")


@pytest.mark.parametrize(
    "said",
    [
        "",
        "0",
        "+then",
        "2026-02-30",
        "2026-3-1",
        "2026-03-01T12:00:00",  # without a zone it is another instant for everybody
        "2026-03-01T25:00:00Z",
        "0001-01-01T00:00:00+14:00",  # before the year 1
        "9" * 19,
        "9" * 5000,
        "-1",
        "Q1",
        "a/b",
        "٣",
        "2026-03-01+THEN",
    ],
)
def test_what_is_no_moment(said: str) -> None:
    """What is neither a date, an instant with a zone, a serial nor a name is refused."""
    with pytest.raises(BadName):
        wish(said)


def test_names_of_snapshots() -> None:
    """A name begins with a letter, so that no date and no serial is one."""
    assert snapshot_name("q1.2026-freeze") == "q1.2026-freeze"
    for wrong in ("2026-03-01", "1", "", "-a", "a b", "A", "a" * 64, "a+then"):
        with pytest.raises(BadName):
            snapshot_name(wrong)
