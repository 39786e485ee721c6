"""Regular expressions over what files are called."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from msgspec import Struct

from cloche.core.errors import BadName, BadSetting
from cloche.core.model import ProjectName
from cloche.core.policy import Candidate, Objection, Offer, Rule
from cloche.rules._values import Patterns, pattern


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "pattern"`."""

    project: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    filename: tuple[str, ...] = ()
    packagetype: tuple[str, ...] = ()
    match: Literal["any", "all"] = "any"  # of these four that are given
    keep: bool = False  # what matches, and nothing else


def connect(settings: Settings, folder: Path) -> Rule:
    """Raise BadSetting."""
    if not (settings.project or settings.version or settings.filename or settings.packagetype):
        raise BadSetting("it has no patterns; give project, version, filename or packagetype")
    return Pattern(
        project=_compiled("project", settings.project),
        version=_compiled("version", settings.version),
        filename=_compiled("filename", settings.filename),
        packagetype=_compiled("packagetype", settings.packagetype),
        every=settings.match == "all",
        keep=settings.keep,
    )


def _compiled(key: str, patterns: Iterable[str]) -> Patterns:
    return tuple(_one(key, each) for each in patterns)


def _one(key: str, said: str) -> re.Pattern[str]:
    try:
        return pattern(said)
    except BadName as e:
        raise BadSetting(f"{key}: {e}") from None


class Pattern(Struct, frozen=True, kw_only=True, eq=False):
    """Objects to what matches or, with `keep`, to what does not; and where that is unknown."""

    project: Patterns
    version: Patterns
    filename: Patterns
    packagetype: Patterns
    every: bool
    keep: bool

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        why = Objection(f"it {'does not match' if self.keep else 'matches'} the patterns")
        doubt = Objection("its version, to hold against the patterns, is unknown")
        of_project = _found(self.project, offer.project)
        for version, candidates in offer.versions.items():
            of_version = _found(self.version, None if version is None else str(version))
            for candidate in candidates:
                of_filename = _found(self.filename, candidate.file.filename)
                of_type = _found(self.packagetype, candidate.brief.filetype)
                found = self._joined(of_project, of_version, of_filename, of_type)
                if found is not self.keep:
                    yield candidate, doubt if found is None else why

    def shuts(self, project: ProjectName, *, hosted: bool) -> str | None:
        unknown = (_found(each, None) for each in (self.version, self.filename, self.packagetype))
        found = self._joined(_found(self.project, project), *unknown)
        if found is None or found is self.keep:
            return None
        return f"its name {'does not match' if self.keep else 'matches'} the patterns"

    def _joined(self, *found: Sequence[bool | None]) -> bool | None:
        """Of what is given: whether any of it matches, or all; None when that is unknown."""
        said = [each for some in found for each in some]
        decisive = not self.every
        if decisive in said:
            return decisive
        return None if None in said else not decisive


def _found(patterns: Patterns, text: str | None) -> Sequence[bool | None]:
    """Whether any matches; nothing when there are none, None when the text is unknown."""
    if not patterns:
        return ()
    return (None if text is None else any(each.search(text) for each in patterns),)
