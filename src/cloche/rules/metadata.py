"""Regular expressions over what a version's metadata says, or its page of a file."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal

from msgspec import Struct

from cloche.core.conversion import nearest
from cloche.core.errors import BadName
from cloche.core.known import FIELDS, Facts, Lack, Need
from cloche.core.policy import Candidate, Objection, Offer, Rule
from cloche.rules._values import Asked, asked

PAGE: Mapping[str, Callable[[Candidate], object]] = {
    "filename": lambda each: each.file.filename,
    "packagetype": lambda each: each.brief.filetype,
    "python-tag": lambda each: each.brief.pythons,
    "abi-tag": lambda each: each.brief.abis,
    "platform-tag": lambda each: each.brief.platforms,
    "requires-python": lambda each: each.file.requires_python,
    "sha256": lambda each: each.file.sha256,
    "size": lambda each: each.file.size,
    "upload-time": lambda each: each.file.upload_time and each.file.upload_time.isoformat(),
    "yanked": lambda each: "yanked" if each.file.yanked is True else each.file.yanked or None,
}
"""What a page says of a file, which needs no look at its metadata."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "metadata"`."""

    field: str
    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    admits: tuple[str, ...] = ()
    missing: Literal["deny", "allow"] = "deny"


def connect(settings: Settings, folder: Path) -> Rule:
    """Raise BadName when the field is none, or nothing is asked of it that can be."""
    field, known = settings.field.lower(), sorted({*FIELDS, *PAGE})
    if field not in known:
        raise BadName(f"field is {settings.field!r}, which is none{nearest(field, known)}")
    wanted = asked(settings.any, settings.all, settings.none, settings.admits)
    return Says(field, wanted, settings.missing == "allow")


class Says(Struct, frozen=True, eq=False):
    """Objects to files of which a field does not say what is wanted.

    Without any value `missing` counts; where metadata was not to be had, doubt means no.
    """

    field: str
    wanted: Asked
    missing: bool

    @property
    def needs(self) -> frozenset[Need]:
        return frozenset() if self.field in PAGE else frozenset({"metadata"})

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        verdicts: dict[object, Objection | None] = {}  # files that say the same, once
        for candidate in offer.candidates:
            found = self._values(offer, candidate)
            if found not in verdicts:
                verdicts[found] = self._verdict(found)
            objection = verdicts[found]
            if objection is not None:
                yield candidate, objection

    def _values(self, offer: Offer, candidate: Candidate) -> tuple[str, ...] | Lack:
        if self.field in PAGE:
            said = PAGE[self.field](candidate)
            return () if said in {None, ""} else (str(said),)
        found: Facts | Lack = offer.known.of("metadata", candidate.file.filename)
        return found if isinstance(found, Lack) else found.get(self.field, ())

    def _verdict(self, found: tuple[str, ...] | Lack) -> Objection | None:
        if isinstance(found, Lack):
            lets = self.missing and found.again is None
            return None if lets else Objection(f"its {self.field} is unknown: {found.reason}")
        if not found:
            return None if self.missing else Objection(f"it states no {self.field}")
        if self.wanted.of(found):
            return None
        return Objection(f"its {self.field} is not as wanted here")
