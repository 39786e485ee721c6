"""Names too near to a protected one: typing slips and look-alikes that somebody may wait behind."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from cloche.core.errors import BadSetting
from cloche.core.likeness import SHORT, Likeness
from cloche.core.model import ProjectName
from cloche.core.patterns import Names, names
from cloche.core.policy import Candidate, Objection, Offer, Rule
from cloche.rules._lists import short

_GLOB = re.compile(r"[*?\[]")


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "typosquat"`."""

    protect: tuple[str, ...]


def connect(settings: Settings, folder: Path) -> Rule:
    """Raise BadSetting, BadName."""
    protected = names(settings.protect)
    if not protected.says:
        raise BadSetting("protect is empty; name projects, such as requests or acme-*")
    beginnings: dict[int, list[str]] = {}
    for head in {_beginning(each) for each in protected.says if _GLOB.search(each)}:
        beginnings.setdefault(head.count("-") + 1, []).append(head)
    return Typosquat(
        protected,
        Likeness(sorted(protected.exact)),
        {count: Likeness(sorted(heads)) for count, heads in beginnings.items()},
        tuple(sorted({each for heads in beginnings.values() for each in heads})),
    )


def _beginning(glob: str) -> str:
    head = re.sub(r"[-_.]+", "-", _GLOB.split(glob)[0]).lower().strip("-")
    if len(head) < SHORT:
        raise BadSetting(
            f"{glob!r} has too little before its first wildcard; {SHORT} letters at least, "
            "as acme-* has"
        )
    return head


class Typosquat(Struct, frozen=True, eq=False):
    """Objects to upstreams' files of projects whose names may be taken for a protected one."""

    protected: Names
    whole: Likeness
    beginnings: Mapping[int, Likeness]  # of patterns, by how many words they have
    heads: tuple[str, ...]  # the same, all of them

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        said = self.shuts(offer.project, hosted=False)
        if said is None:
            return ()
        why = Objection(said)
        return ((each, why) for each in offer.candidates if not each.hosted)

    def shuts(self, project: ProjectName, *, hosted: bool) -> str | None:
        if hosted or self.protected.match(project):
            return None
        found = self.whole.find(project) or self._begins(project)
        return f"its name may be taken for {short(found)}, which is protected" if found else None

    def _begins(self, project: ProjectName) -> str | None:
        """What stands before the wildcard of a pattern, if the name seems to begin with it."""
        words = project.split("-")
        for count, known in self.beginnings.items():
            if found := known.find("-".join(words[:count])):
                return found
        squashed = project.replace("-", "")
        return next(
            (each for each in self.heads if squashed.startswith(each.replace("-", ""))), None
        )
