"""Numbers of bytes, as people write and read them."""

import re

from cloche.core.errors import BadName

THOUSAND = 1000
_UNITS = ("B", "kB", "MB", "GB", "TB")
_POWERS = {letter: power for power, letter in enumerate("KMGT", 1)}
_WRITTEN = re.compile(
    r"\s*(?P<number>\d{1,18}(\.\d{1,9})?)\s*(?P<power>[KMGT]?)(?P<binary>i?)B?\s*\Z",
    re.ASCII | re.IGNORECASE,
)


def byte_count(said: int | str) -> int:
    """Read `50 MB` (millions) or `50 MiB` (of 1,048,576 bytes). Raise BadName, also for nothing."""
    found = _WRITTEN.match(str(said))
    if found is None or (found["binary"] and not found["power"]):
        raise BadName(f"{said!r} is no number of bytes; write one such as 50 MB or 2 GiB")
    base = 1024 if found["binary"] else THOUSAND
    count: int = round(float(found["number"]) * base ** _POWERS.get(found["power"].upper(), 0))
    if count < 1:
        raise BadName(f"{said!r} is less than a byte; write a size such as 50 MB")
    return count


def readable(count: int) -> str:
    """`1234567` as `1.2 MB`."""
    number, unit = float(count), 0
    while round(number, 1) >= THOUSAND and unit < len(_UNITS) - 1:
        number, unit = number / THOUSAND, unit + 1
    return f"{number:.1f} {_UNITS[unit]}" if unit else f"{count} B"
