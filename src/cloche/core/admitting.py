"""How long something may be let past the rules of an index, and why."""

import re
from datetime import UTC, datetime, timedelta

from cloche.core import marks
from cloche.core.errors import BadRequest
from cloche.core.index import Index

_PERIOD = re.compile(r"(?P<number>[0-9]{1,4})\s*(?P<unit>[mhdw])\Z")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def period(raw: str) -> timedelta:
    """Read `90m`, `12h`, `3d` or `2w`. Raise BadRequest."""
    found = _PERIOD.match(raw.strip())
    if found is None:
        raise BadRequest(f"{raw!r} is no period; write minutes, hours, days or weeks: 90m, 12h, 3d")
    return timedelta(**{_UNITS[found["unit"]]: int(found["number"])})


def instant(raw: str) -> datetime:
    """Read a date, or a time of a day, in UTC unless it says otherwise. Raise BadRequest."""
    try:
        said = datetime.fromisoformat(raw.strip())
    except ValueError:
        raise BadRequest(
            f"{raw!r} is no date; write one such as 2027-01-31 or 2027-01-31T18:00Z"
        ) from None
    return said if said.tzinfo else said.replace(tzinfo=UTC)


def end(until: str | None, period_: str | None, now: datetime) -> datetime:
    """When it ends: a date or a period, and one of them must be given. Raise BadRequest."""
    if (until is None) == (period_ is None):
        raise BadRequest("say until when, or for how long; not both")
    return instant(until) if until is not None else now + period(period_ or "")


def reason(raw: str) -> str:
    """Raise BadRequest when nothing is said."""
    said = marks.reason(raw)
    if not said:
        raise BadRequest("say why: whoever reads the list of admissions will ask")
    return said


def check(index: Index, rule: str | None, until: datetime, now: datetime) -> None:
    """Raise BadRequest unless the index may be told so."""
    rules = [clause.name for clause in index.clauses]
    if not rules:
        raise BadRequest(
            f"index {index.name} has no rules of its own; let it past those of the index that has"
        )
    if rule is not None and rule not in rules:
        raise BadRequest(
            f"index {index.name} has no rule {rule!r}; its rules are {', '.join(rules)}"
        )
    if until <= now:
        raise BadRequest(f"{until:%Y-%m-%d %H:%M} is over; say when it is to end")
    if until - now > timedelta(days=index.admit_days):
        raise BadRequest(
            f"in index {index.name} that holds for at most {index.admit_days:g} days (admit_days); "
            "choose a shorter time, or change the rule"
        )
