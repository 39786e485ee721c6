"""Projects with few versions, or many."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from cloche.core.errors import BadName
from cloche.core.filenames import known_version
from cloche.core.policy import Candidate, Objection, Offer, Rule


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "versions"`."""

    min: Annotated[int, Meta(ge=1)] | None = None
    max: Annotated[int, Meta(ge=1)] | None = None


def connect(settings: Settings, folder: Path) -> Rule:
    """Raise BadName when no number of versions would do, or any."""
    if settings.min is None and settings.max is None:
        raise BadName("say how many versions a project may have, with min, max or both")
    if settings.max is not None and settings.max < (settings.min or 1):
        raise BadName("max is less than min, so that no project would be shown; raise it")
    return Versions(settings.min or 0, settings.max)


class Versions(Struct, frozen=True):
    """Objects to all files of a project with fewer versions than `least` or more than `most`.

    Versions without files count. A file whose version cannot be told is one more version, or
    none, whichever is worse.
    """

    least: int
    most: int | None

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        unknown = len(offer.versions.get(None, ()))
        listed = (known_version(each) for each in offer.listed)
        known = len({*offer.versions, *listed} - {None})
        if known < self.least:
            said = f"the project has {known} versions, fewer than {self.least}"
        elif self.most is not None and known + unknown > self.most:
            said = f"the project has {known + unknown} versions, more than {self.most}"
        else:
            return ()
        objection = Objection(said)
        return [(candidate, objection) for candidate in offer.candidates]
