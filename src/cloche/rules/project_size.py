"""Projects that are too large."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from cloche.core.policy import Candidate, Objection, Offer, Rule
from cloche.core.quantities import byte_count, readable


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "project_size"`."""

    max: int | str  # bytes, or with a unit


def connect(settings: Settings, folder: Path) -> Rule:
    """Raise BadName when it is no size."""
    return ProjectSize(byte_count(settings.max))


class ProjectSize(Struct, frozen=True):
    """Objects to all files of a project that together have more bytes than `most`, or may have."""

    most: int

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        sizes = [candidate.file.size for candidate in offer.candidates]
        total = sum(size for size in sizes if size is not None)
        if total > self.most:
            said = f"the project's files have {readable(total)}, more than {readable(self.most)}"
        elif None in sizes:
            said = f"the size of {sizes.count(None)} of the project's files is unknown"
        else:
            return ()
        objection = Objection(said)
        return [(candidate, objection) for candidate in offer.candidates]
