"""A line in time."""

from datetime import date, datetime

from cloche.core.model import File
from cloche.core.policy import judge
from tests.rules.samples import NOW, clause, objected, offer

LINE = date(2026, 3, 1)


def uploaded(at: str | None) -> File:
    when = None if at is None else datetime.fromisoformat(at)
    return File(filename="demo-1.0.tar.gz", upload_time=when)


def test_what_came_before_is_shown() -> None:
    """A moment before the line is before it; the line itself is not."""
    line = clause("frozen", before=LINE)

    assert not objected(line, uploaded("2026-02-28T23:59:59.999999+00:00"))
    assert objected(line, uploaded("2026-03-01T00:00:00+00:00")) == {
        "demo-1.0.tar.gz": "it came after 2026-03-01 00:00 UTC"
    }


def test_an_unknown_time_is_after_it() -> None:
    """Nobody says when the file came, so it may have come too late."""
    assert objected(clause("frozen", before=LINE), uploaded(None)) == {
        "demo-1.0.tar.gz": "its upload-time is unknown"
    }


def test_it_does_not_end() -> None:
    """What came too late stays so, and the page need not be looked at again."""
    found = judge(
        offer(uploaded("2026-04-01T00:00:00+00:00")), [clause("frozen", before=LINE)], NOW
    )

    assert found.until.year == 9999
    assert [ruling.until for ruling in found.rulings["demo-1.0.tar.gz"]] == [None]


def test_either_clock_can_draw_it() -> None:
    """By first-seen the upstream's word does not count."""
    late = File(
        filename="demo-1.0.tar.gz",
        upload_time=datetime.fromisoformat("2020-01-01T00:00:00+00:00"),
        first_seen=NOW,
    )

    assert not objected(clause("frozen", before=LINE), late)
    assert objected(clause("frozen", before=LINE, by="first-seen"), late)
