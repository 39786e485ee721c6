"""What is listed may not be shown."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from cloche.core.errors import BadSetting
from cloche.core.model import ProjectName
from cloche.core.policy import Candidate, Objection, Offer, Rule
from cloche.rules import _lists
from cloche.rules._lists import Listing, short


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "deny"`."""

    what: tuple[str, ...] = ()  # requirements
    files: tuple[str, ...] = ()  # of requirements, and lock files


def connect(settings: Settings, folder: Path) -> Rule:
    """Raise BadSetting, BadName."""
    if not settings.what and not settings.files:
        raise BadSetting("it lists nothing; give what, or files")
    found = _lists.read(settings.files, folder)
    left = next(iter(found.left), None)
    if left is not None:  # what is not understood would be shown
        raise BadSetting(f"{short(left.says)!r} cannot be denied: {left.why}; take it off the list")
    return Deny(_lists.listing(settings.what, found.wants))


class Deny(Struct, frozen=True, eq=False):
    """Objects to what is listed, and to what may be, where its version is unknown."""

    listing: Listing

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        listed = self.listing.of(offer.project)
        for version, candidates in offer.versions.items() if listed else ():
            by = (each for each in listed if each.match(offer.project, version, doubt=True))
            found = next(by, None)
            if found is not None:
                why = Objection(f"it is on the list: {short(found.says)}")
                yield from ((candidate, why) for candidate in candidates)

    def shuts(self, project: ProjectName, *, hosted: bool) -> str | None:
        whole = next((each for each in self.listing.of(project) if each.whole), None)
        return f"it is on the list: {short(whole.says)}" if whole else None
