"""Nothing newer than a fixed line in time."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from cloche.core.policy import Candidate, Objection, Offer, Rule, WhichClock


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "frozen"`."""

    before: datetime
    by: WhichClock = "upload-time"
    first_page: WhichClock = "first-seen"


def connect(settings: Settings, folder: Path) -> Rule:
    return Frozen(settings.before, settings.by, settings.first_page)


class Frozen(Struct, frozen=True):
    """Objects to files that came at the line or after it, as pip and uv draw theirs."""

    before: datetime
    by: WhichClock
    first_page: WhichClock

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        late = f"it came after {self.before:%Y-%m-%d %H:%M} UTC"
        for candidate in offer.candidates:
            clock = candidate.clock(self.by, self.first_page)
            at = candidate.came(clock)
            if at is None:
                yield candidate, Objection(f"its {clock} is unknown", clock=clock)
            elif at >= self.before:
                yield candidate, Objection(late, clock=clock)
