"""Of locked projects, only the files whose hashes a lock names."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from cloche.core.errors import BadSetting
from cloche.core.model import ProjectName
from cloche.core.policy import Candidate, Objection, Offer, Rule
from cloche.core.wants import Wants
from cloche.rules import _lists
from cloche.rules._lists import Files, short

UNPINNED = "no lock names its project"


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "pins"`."""

    files: tuple[str, ...]  # lock files, and requirements with hashes
    strict: bool = False  # nothing of other projects either


def connect(settings: Settings, folder: Path) -> Rule:
    """Raise BadSetting."""
    found = _lists.read(settings.files, folder)
    for want in found.wants:
        if not want.files or not all(each.hashes for each in want.files):
            raise BadSetting(
                f"{short(want.says)!r} has no hashes; lock again with hashes, as `pip-compile "
                "--generate-hashes` and `uv pip compile --generate-hashes` do"
            )
    if not found.wants:
        raise BadSetting("files name no project of an index; give files with hashes")
    return Pins({**_nothing(found), **_lists.files(found.wants)}, strict=settings.strict)


def _nothing(found: Wants) -> dict[ProjectName, Files]:
    """What is locked from elsewhere: no index's file is meant by it."""
    return {each.project: Files({}, frozenset()) for each in found.left if each.project}


class Pins(Struct, frozen=True, eq=False):
    """Objects to files of a locked project that no lock names by a hash that is listed."""

    files: Mapping[ProjectName, Files]
    strict: bool

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        named = self.files.get(offer.project)
        if named is None:
            why = Objection(UNPINNED)
            return ((each, why) for each in offer.candidates) if self.strict else ()
        why = Objection("no lock names its hash")
        return ((each, why) for each in offer.candidates if not named.has(each.file))

    def shuts(self, project: ProjectName, *, hosted: bool) -> str | None:
        return UNPINNED if self.strict and project not in self.files else None
