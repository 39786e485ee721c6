"""Regular expressions over what a version's metadata says, or its page of a file."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal

from msgspec import Struct
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from cloche.core.conversion import nearest
from cloche.core.errors import BadName
from cloche.core.known import FIELDS, Facts, Lack, Need
from cloche.core.policy import Candidate, Objection, Offer, Rule

MAX_PATTERN = 1000  # characters
MAX_SPECIFIERS = 1000  # characters of what a stranger wrote

Patterns = tuple[re.Pattern[str], ...]

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
    if not (settings.any or settings.all or settings.none or settings.admits):
        raise BadName("it asks nothing of the field; give any, all, none or admits")
    return Says(
        field=field,
        any_of=_compiled(settings.any),
        all_of=_compiled(settings.all),
        none_of=_compiled(settings.none),
        admits=tuple(map(_version, settings.admits)),
        missing=settings.missing == "allow",
    )


class Says(Struct, frozen=True, kw_only=True, eq=False):
    """Objects to files of which a field does not say what is wanted.

    Of its values one is to match one of `any_of`; each of `all_of` is to match one; none may
    match any of `none_of`; one is to be a specifier that admits one of `admits`, or one of those.
    Without any value `missing` counts; where metadata was not to be had, doubt means no.
    """

    field: str
    any_of: Patterns
    all_of: Patterns
    none_of: Patterns
    admits: tuple[Version, ...]
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
        return None if self._wanted(found) else Objection(f"its {self.field} is not as wanted here")

    def _wanted(self, values: tuple[str, ...]) -> bool:
        return (
            (not self.any_of or any(_matches(each, values) for each in self.any_of))
            and all(_matches(each, values) for each in self.all_of)
            and not any(_matches(each, values) for each in self.none_of)
            and (not self.admits or any(map(self._admitted, values)))
        )

    def _admitted(self, value: str) -> bool:
        if len(value) > MAX_SPECIFIERS:
            return False
        try:
            return Version(value) in self.admits
        except InvalidVersion:
            pass
        try:
            wanted = SpecifierSet(value)
        except InvalidSpecifier:
            return False
        return any(wanted.contains(each, prereleases=True) for each in self.admits)


def _matches(pattern: re.Pattern[str], values: tuple[str, ...]) -> bool:
    return any(pattern.search(each) for each in values)


def _compiled(patterns: Iterable[str]) -> Patterns:
    return tuple(map(_pattern, patterns))


def _pattern(said: str) -> re.Pattern[str]:
    if len(said) > MAX_PATTERN:
        raise BadName(f"a pattern has over {MAX_PATTERN} characters; split it")
    try:
        return re.compile(said)
    except (re.error, RecursionError, OverflowError) as e:
        raise BadName(
            f"{said!r} is no regular expression ({e}); write one as Python's re reads it"
        ) from None


def _version(said: str) -> Version:
    try:
        return Version(said)
    except InvalidVersion:
        raise BadName(f"{said!r} is no version (PEP 440); write one such as 3.12") from None
