"""Files that are too large."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from cloche.core.policy import Candidate, Objection, Offer, Rule
from cloche.core.quantities import byte_count, readable

UNKNOWN = Objection("its size is unknown")


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "size"`."""

    max: int | str  # bytes, or with a unit


def connect(settings: Settings, folder: Path) -> Rule:
    """Raise BadName when it is no size."""
    return Size(byte_count(settings.max))


class Size(Struct, frozen=True):
    """Objects to files of more bytes than `most`, and to those of which nobody says how many."""

    most: int

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        bound = readable(self.most)
        for candidate in offer.candidates:
            size = candidate.file.size
            if size is None:
                yield candidate, UNKNOWN
            elif size > self.most:
                said = f"it has {readable(size)}, more than {bound}"
                yield candidate, Objection(said)
