"""Platforms and Pythons that binary distributions are for."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from cloche.core.compatibility import tags_of
from cloche.core.errors import BadName
from cloche.core.places import Places, shown
from cloche.core.policy import Candidate, Objection, Offer, Rule

MAX_SHOWN = 150  # characters of what a stranger wrote
UNKNOWN = Objection("where it runs cannot be told from its name")


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "platforms"`."""

    only: tuple[str, ...] = ()
    no: tuple[str, ...] = ()


def connect(settings: Settings, folder: Path) -> Rule:
    """Raise BadName when it says nothing, or a word that is unknown."""
    if not settings.only and not settings.no:
        raise BadName('say which platforms are shown, such as no = ["windows", "py2"]')
    return Platforms(Places(settings.only), Places(settings.no))


class Platforms(Struct, frozen=True):
    """Objects to what runs nowhere that `only` means and `no` does not name; never to sdists."""

    only: Places
    no: Places

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        said: dict[tuple[str, ...], Objection | None] = {}
        for candidate in offer.candidates:
            brief = candidate.brief
            if brief.filetype == "sdist":
                continue
            wheel = (brief.pythons, brief.abis, brief.platforms)
            key = wheel if brief.platforms else (candidate.file.filename,)
            if key not in said:
                said[key] = self._says(candidate)
            objection = said[key]
            if objection is not None:
                yield candidate, objection

    def _says(self, candidate: Candidate) -> Objection | None:
        brief = candidate.brief
        tags = tags_of(candidate.file.filename, brief)
        if tags is None:
            return UNKNOWN
        if shown(tags, self.only, self.no):
            return None
        parts = (brief.pythons, brief.abis, brief.platforms) if brief.platforms else tags.platforms
        written = "-".join(parts or [brief.filetype])[:MAX_SHOWN]
        plain = "".join(letter if letter.isprintable() else " " for letter in written)
        return Objection(f"it runs nowhere that is wanted: {plain}")
