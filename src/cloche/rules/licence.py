"""Only what may be used under licences that are wanted, or under none that is not."""

import re
from collections.abc import Iterable
from datetime import datetime
from fnmatch import translate
from pathlib import Path
from typing import ClassVar, Literal

from msgspec import Struct

from cloche.core.errors import BadName
from cloche.core.known import Facts, Lack, Need
from cloche.core.licences import licence, passes, stated
from cloche.core.policy import Candidate, Objection, Offer, Rule

_GLOB = re.compile(r"[A-Za-z0-9.+-]*[*?][A-Za-z0-9.+*?-]*\Z")
_SHOWN = 150  # characters of an expression


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "licence"`."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    unknown: Literal["deny", "allow"] = "deny"


def connect(settings: Settings, folder: Path) -> Rule:
    """Raise BadName when neither list is there, or has what can be no licence."""
    if not settings.allow and not settings.deny:
        raise BadName('allow and deny are empty; write licences, such as allow = ["MIT", "BSD-*"]')
    return Licence(
        _patterns(settings.allow),
        _patterns(settings.deny),
        allows_unknown=settings.unknown == "allow",
    )


class Licence(Struct, frozen=True):
    """Objects to what can be used only under licences that are not wanted.

    A version's licence is in its metadata. `allows_unknown` is of metadata that states none;
    where metadata was not to be had, doubt means no.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"metadata"})

    allowed: re.Pattern[str] | None
    denied: re.Pattern[str] | None
    allows_unknown: bool

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        verdicts: dict[int, Objection | None] = {}  # the files of a version share their facts
        for candidate in offer.candidates:
            found = offer.known.of("metadata", candidate.file.filename)
            if id(found) not in verdicts:
                verdicts[id(found)] = self._verdict(found)
            objection = verdicts[id(found)]
            if objection is not None:
                yield candidate, objection

    def _verdict(self, found: Facts | Lack) -> Objection | None:
        if isinstance(found, Lack):
            lets = self.allows_unknown and found.again is None
            return None if lets else Objection(f"its licence is unknown: {found.reason}")
        expression = stated(found)
        if expression is None:
            return (
                None if self.allows_unknown else Objection("its metadata states no clear licence")
            )
        if passes(expression, self._permits):
            return None
        return Objection(f"its licence is {expression[:_SHOWN]}, which is not wanted here")

    def _permits(self, one: str) -> bool:
        """An exception permits more than the licence itself; `+` any later one too."""
        forms = {one.lower(), one.partition(" WITH ")[0].lower()}
        forms |= {each.removesuffix("+") for each in forms}
        if self.denied and any(map(self.denied.match, forms)):
            return False
        return self.allowed is None or any(map(self.allowed.match, forms))


def _patterns(said: Iterable[str]) -> re.Pattern[str] | None:
    globs = [translate(_pattern(each)) for each in said]
    return re.compile("|".join(globs)) if globs else None


def _pattern(said: str) -> str:
    if _GLOB.match(said):
        return said.lower()
    found = licence(said)
    if found is None:
        raise BadName(
            f"{said!r} is no SPDX licence; write an identifier such as MIT or Apache-2.0, "
            "or a pattern such as BSD-*"
        )
    return found.lower()
