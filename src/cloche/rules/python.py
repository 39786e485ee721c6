"""Which Pythons a file says that it runs on (`requires-python`)."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Literal

from msgspec import Struct

from cloche.core.errors import BadName
from cloche.core.policy import Candidate, Objection, Offer, Rule
from cloche.core.pythons import Python, admits, python

MAX_SHOWN = 100  # characters of what a stranger wrote


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "python"`."""

    versions: tuple[str, ...]
    admits: Literal["any", "all", "none"] = "any"
    unstated: Literal["all", "none"] = "all"


def connect(settings: Settings, folder: Path) -> Rule:
    """Raise BadName when there are no versions, or one that is none."""
    if not settings.versions:
        raise BadName('versions is empty; name some of Python, such as ["3.12", "3.13"]')
    return OfPython(
        tuple(map(python, settings.versions)),
        settings.admits,
        unstated=settings.unstated == "all",
    )


class OfPython(Struct, frozen=True):
    """Objects to files that do not admit `any`, `all` or `none` of some Pythons.

    What states no range admits all (`unstated`) or none; one that cannot be read is in doubt.
    """

    versions: tuple[Python, ...]
    wanted: Literal["any", "all", "none"]
    unstated: bool

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        said: dict[str | None, Objection | None] = {}
        for candidate in offer.candidates:
            stated = candidate.file.requires_python
            if stated not in said:
                said[stated] = self._says(stated)
            objection = said[stated]
            if objection is not None:
                yield candidate, objection

    def _says(self, stated: str | None) -> Objection | None:
        shown = "".join(c if c.isprintable() else " " for c in (stated or "")[:MAX_SHOWN])
        found = [admits(stated, each) if stated else self.unstated for each in self.versions]
        if None in found:
            return Objection(f"the Pythons that it requires cannot be read: {shown}")
        fits = {"any": any(found), "all": all(found), "none": not any(found)}[self.wanted]
        if fits:
            return None
        asked = ", ".join(str(each) for each in self.versions)[:MAX_SHOWN]
        requires = f"requires Python {shown}" if stated else "states no Python"
        return Objection(f"it {requires}, and is to admit {self.wanted} of {asked}")
