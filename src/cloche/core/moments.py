"""Moments, as the addresses of past pages name them: a date, an instant, a serial, a name."""

import re
from datetime import UTC, date, datetime, time
from typing import Literal, NamedTuple

from msgspec import Struct

from cloche.core.errors import BadName

Rules = Literal["now", "then"]
"""Whose rules judge a past page: those of now, or those that the index had."""

THEN = "+then"
MAX_SERIAL = 2**63 - 1
FORMS = (
    "write a date (2026-03-01), an instant with its zone (2026-03-01T12:00:00Z), a serial, or the "
    "name of a snapshot"
)
_SERIAL = re.compile(r"[0-9]{1,19}\Z", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", re.ASCII)
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:.]{4,15}([Zz]|[+-][0-9:]{4,6})\Z")
_NAME = re.compile(r"[a-z][a-z0-9._-]{0,62}\Z")


class Moment(Struct, frozen=True, kw_only=True):
    """What was committed up to a serial; `at` is the time that rules and upload times are held to.

    Not `fixed`: an address of it may mean another one day. It is so young that what began before it
    may still be committed, by another clock; or it has a name, which may be given anew.
    """

    serial: int
    at: datetime
    fixed: bool = True
    rules: Rules = "now"


class Wish(NamedTuple):
    """What stands behind `/as-of/`: a serial, an instant or a name; and by whose rules."""

    what: int | datetime | str
    rules: Rules


def snapshot_name(raw: str) -> str:
    """Raise BadName unless it can be a snapshot's name, which no date or serial is."""
    if not _NAME.match(raw):
        raise BadName(
            f"{raw[:80]!r} cannot name a snapshot; it is a lower-case letter, then at most 62 "
            "letters, digits, '.', '-' and '_'"
        )
    return raw


def wish(raw: str) -> Wish:
    """Read what stands behind `/as-of/`. Raise BadName."""
    said = raw.removesuffix(THEN)
    return Wish(moment(said), "now" if said == raw else "then")


def moment(said: str) -> int | datetime | str:
    """Read a serial, an instant or a name. Raise BadName."""
    if _SERIAL.match(said) and 0 < int(said) <= MAX_SERIAL:
        return int(said)
    try:
        if _DATE.match(said):
            return datetime.combine(date.fromisoformat(said), time.min, UTC)
        if _INSTANT.match(said):
            return datetime.fromisoformat(said.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadName(f"{said!r} is no moment; {FORMS}") from None
    if _NAME.match(said):
        return said
    raise BadName(f"{said[:80]!r} is no moment; {FORMS}")
