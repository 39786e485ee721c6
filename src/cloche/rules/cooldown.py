"""A new file waits: most of what is malicious is found out within days."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from cloche.core.policy import Candidate, Objection, Offer, Rule, WhichClock


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "cooldown"`."""

    days: Annotated[float, Meta(gt=0, le=36500)] = 7
    by: WhichClock = "upload-time"


def connect(settings: Settings, folder: Path) -> Rule:  # noqa: ARG001  # every kind's signature
    return Cooldown(timedelta(days=settings.days), settings.by)


class Cooldown(Struct, frozen=True):
    """Objects to files younger than `age`, and to those of which nobody says how old they are."""

    age: timedelta
    by: WhichClock

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        for candidate in offer.candidates:
            at = candidate.came(self.by)
            if at is None:
                yield candidate, Objection(f"its {self.by} is unknown", clock=self.by)
            elif now < at + self.age:
                yield candidate, self._waits(at)

    def _waits(self, at: datetime) -> Objection:
        return Objection(
            f"it is in cooldown: {self.by} {at:%Y-%m-%d %H:%M} UTC", at + self.age, self.by
        )
