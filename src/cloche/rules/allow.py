"""Only what is listed may be shown."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from cloche.core.errors import BadSetting
from cloche.core.model import ProjectName
from cloche.core.policy import Candidate, Objection, Offer, Rule
from cloche.core.wants import Want
from cloche.rules import _lists
from cloche.rules._lists import Files, Listing, short

UNLISTED = "it is not on the list of what may be shown"


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "allow"`."""

    only: tuple[str, ...] = ()  # requirements
    files: tuple[str, ...] = ()  # of requirements, and lock files
    exact: bool = False  # of these files: the very distributions, where they name some


def connect(settings: Settings, folder: Path) -> Rule:
    """Raise BadSetting, BadName."""
    wants = _lists.read(settings.files, folder).wants
    if not settings.only and not wants:
        raise BadSetting("it lists nothing, so nothing would be shown; give only, or files")
    named = [each for each in wants if _means_files(each, exact=settings.exact)]
    rest = [each for each in wants if not _means_files(each, exact=settings.exact)]
    return Allow(_lists.listing(settings.only, rest), _lists.files(named))


def _means_files(want: Want, *, exact: bool) -> bool:
    """Of files without a version nobody meant every version."""
    return bool(want.files) and (exact or not want.specifiers)


class Allow(Struct, frozen=True, eq=False):
    """Objects to whatever is neither listed nor among the files."""

    listing: Listing
    files: Mapping[ProjectName, Files]

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        listed, named = self.listing.of(offer.project), self.files.get(offer.project)
        why = Objection(_why(", ".join(each.says for each in listed), files=named is not None))
        for version, candidates in offer.versions.items():
            if any(each.match(offer.project, version) for each in listed):
                continue
            for candidate in candidates:
                if named is None or not named.has(candidate.file):
                    yield candidate, why

    def shuts(self, project: ProjectName, *, hosted: bool) -> str | None:
        shown = project in self.files or self.listing.of(project)
        return None if shown else UNLISTED


def _why(listed: str, *, files: bool) -> str:
    if not listed and not files:
        return UNLISTED
    also = " and the files that are named" if files and listed else ""
    return f"of it the list has only {short(listed) or 'files that are named'}{also}"
