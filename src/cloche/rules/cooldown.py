"""A new file waits: most of what is malicious is found out within days."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from cloche.core.policy import Candidate, Objection, Offer, Rule, WhichClock

MINUTES = len("2026-01-31 12:00")


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "cooldown"`."""

    days: Annotated[float, Meta(gt=0, le=36500)] = 7
    by: WhichClock = "upload-time"
    first_page: WhichClock = "first-seen"


def connect(settings: Settings, folder: Path) -> Rule:
    return Cooldown(timedelta(days=settings.days), settings.by, settings.first_page)


class Cooldown(Struct, frozen=True):
    """Objects to files younger than `age`, and to those of which nobody says how old they are."""

    age: timedelta
    by: WhichClock
    first_page: WhichClock

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        for candidate in offer.candidates:
            clock = candidate.clock(self.by, self.first_page)
            at = candidate.came(clock)
            if at is None:
                yield candidate, Objection(f"its {clock} is unknown", clock=clock)
            elif now < at + self.age:
                # str() takes a third of the time that a format takes; pages have thousands.
                said = f"it is in cooldown: {clock} {str(at)[:MINUTES]} UTC"
                yield candidate, Objection(said, at + self.age, clock)
