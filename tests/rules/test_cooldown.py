"""Cooldown, and by whose clock."""

from datetime import timedelta

import pytest

from cloche.core.model import File
from cloche.core.policy import judge
from tests.rules.samples import NOW, clause, objected, offer

WEEK, DAY = timedelta(days=7), timedelta(days=1)
LONG_AGO = NOW - timedelta(days=400)


def file(uploaded: object = None, seen: object = None, since: object = None) -> File:
    return File(
        filename="demo-1.0.tar.gz",
        upload_time=uploaded,  # type: ignore[arg-type]
        first_seen=seen,  # type: ignore[arg-type]
        watched_since=since,  # type: ignore[arg-type]
    )


def test_a_file_is_free_when_it_is_old_enough() -> None:
    """At the very instant, and not a microsecond before."""
    moment = timedelta(microseconds=1)

    assert not objected(clause("cooldown"), file(NOW - WEEK))
    assert objected(clause("cooldown"), file(NOW - WEEK + moment)) == {
        "demo-1.0.tar.gz": "it is in cooldown: upload-time 2026-05-25 00:00 UTC"
    }


def test_the_end_is_told() -> None:
    """The objection says when it ends, and by whose clock."""
    (found,) = clause("cooldown").judge(offer(file(NOW - DAY)), NOW)

    assert (found[1].until, found[1].clock) == (NOW - DAY + WEEK, "upload-time")


@pytest.mark.parametrize("by", ["upload-time", "first-seen"])
def test_an_unknown_time_never_ends(by: str) -> None:
    """What nobody dates is not old."""
    found = judge(offer(file()), [clause("cooldown", by=by)], NOW).rulings["demo-1.0.tar.gz"][0]

    assert (found.reason, found.until, found.clock) == (f"its {by} is unknown", None, by)


def test_each_clock_counts_alone() -> None:
    """By first-seen the upstream's word does not count, and by upload-time ours does not."""
    backdated, forwarded = file(LONG_AGO, NOW - DAY), file(NOW - DAY, LONG_AGO)

    assert objected(clause("cooldown", by="first-seen"), backdated)
    assert not objected(clause("cooldown", by="first-seen"), forwarded)
    assert not objected(clause("cooldown", by="upload-time"), backdated)
    assert objected(clause("cooldown", by="upload-time"), forwarded)


@pytest.mark.parametrize(
    ("found", "free"),
    [
        (file(LONG_AGO, NOW - DAY, NOW - DAY), True),
        (file(NOW - DAY, NOW - DAY, NOW - DAY), False),
        (file(None, NOW - DAY, NOW - DAY), False),
        (file(LONG_AGO, NOW - DAY, NOW - 2 * DAY), False),
        (file(LONG_AGO, NOW - WEEK, LONG_AGO), True),
        (file(LONG_AGO), False),
    ],
)
def test_the_first_page_may_be_believed(found: File, free: bool) -> None:  # noqa: FBT001 - a table
    """What was there from the first may be as old as it says; what came later is not."""
    rule = clause("cooldown", by="first-seen", first_page="upload-time")

    assert (not objected(rule, found)) is free


def test_uploads_here_are_dated_here() -> None:
    """Their upload time is this server's own, so it counts by either clock."""
    for by in ("upload-time", "first-seen"):
        rule = clause("cooldown", by=by)
        assert list(rule.judge(offer(file(NOW - WEEK), hosted=True), NOW)) == []
        assert list(rule.judge(offer(file(NOW - DAY), hosted=True), NOW))
