"""Files that their source has yanked (PEP 592)."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from cloche.core.policy import Candidate, Objection, Offer, Rule

MAX_REASON = 200  # characters of what a stranger wrote


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "yanked"`."""


def connect(settings: Settings, folder: Path) -> Rule:
    return Yanked()


class Yanked(Struct, frozen=True):
    """Objects to what is yanked."""

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        for candidate in offer.candidates:
            # PEP 592: any string is a reason, the empty one too.
            if candidate.file.yanked is not False:
                yield candidate, Objection(f"it is yanked{_why(candidate.file.yanked)}")


def _why(yanked: bool | str) -> str:  # noqa: FBT001 - PEP 691's own type
    if isinstance(yanked, bool) or not yanked:
        return ""
    plain = "".join(letter if letter.isprintable() else " " for letter in yanked[:MAX_REASON])
    return f": {plain}"
