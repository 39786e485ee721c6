"""What an upstream says in its headers, each read with doubt."""

import re

from cloche.upstreams._answer import Answer

MAX_AGE = re.compile(r"\bmax-age=(\d{1,9})\b")
SECONDS = re.compile(r"[0-9]{1,18}\Z")
ETAG = re.compile(r'(W/)?"[!#-~]{0,200}"\Z')
MAX_RETRY_AFTER = 3600  # seconds: no upstream may send our clients away for longer


def plain(said: str) -> str:
    """Without the odd bytes that a header may have, and a database may not."""
    return said.encode("ascii", "replace").decode()


def etag_of(answer: Answer) -> str | None:
    """What the answer can be asked for again with; nothing that only looks like it."""
    said = answer.headers.get("ETag", "")
    return said if ETAG.match(said) else None


def max_age(answer: Answer) -> int | None:
    said = answer.headers.get("Cache-Control", "").lower()
    if "no-cache" in said or "no-store" in said:
        return 0
    found = MAX_AGE.search(said)
    return int(found[1]) if found else None


def retry_after(answer: Answer) -> int:
    said = answer.headers.get("Retry-After", "")
    return min(int(said), MAX_RETRY_AFTER) if SECONDS.match(said) else 5


def last_serial(answer: Answer) -> int | None:
    """The serial that PyPI and its like state beside a page."""
    said = answer.headers.get("X-PyPI-Last-Serial", "")
    return int(said) if SECONDS.match(said) else None
