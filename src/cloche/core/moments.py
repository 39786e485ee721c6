"""Moments, as the addresses of past pages name them: a date, an instant, a serial."""

import re
from datetime import UTC, date, datetime, time

from msgspec import Struct

from cloche.core.errors import BadName

MAX_SERIAL = 2**63 - 1
FORMS = "write a date (2026-03-01), an instant with its zone (2026-03-01T12:00:00Z), or a serial"
_SERIAL = re.compile(r"[0-9]{1,19}\Z", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", re.ASCII)
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:.]{4,15}([Zz]|[+-][0-9:]{4,6})\Z")


class Moment(Struct, frozen=True, kw_only=True):
    """What was committed up to a serial; `at` is the time that rules and upload times are held to.

    Not `settled`: so young that what began before it may still be committed, by another clock.
    """

    serial: int
    at: datetime
    settled: bool = True


def moment(said: str) -> int | datetime:
    """Read what stands behind `/as-of/`: a serial or an instant. Raise BadName."""
    if _SERIAL.match(said) and 0 < int(said) <= MAX_SERIAL:
        return int(said)
    try:
        if _DATE.match(said):
            return datetime.combine(date.fromisoformat(said), time.min, UTC)
        if _INSTANT.match(said):
            return datetime.fromisoformat(said.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadName(f"{said!r} is no moment; {FORMS}") from None
    raise BadName(f"{said[:80]!r} is no moment; {FORMS}")
