"""Pre-releases and development releases."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Literal

from msgspec import Struct
from packaging.version import Version

from cloche.core.policy import Candidate, Objection, Offer, Rule

Phase = Literal["a", "b", "rc", "dev"]
"""As versions spell them (PEP 440)."""

WORDS: dict[str, str] = {
    "a": "an alpha release",
    "b": "a beta release",
    "rc": "a release candidate",
    "dev": "a development release",
}
UNKNOWN = Objection("its version cannot be told from its name")


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "prerelease"`."""

    phases: tuple[Phase, ...] = ("a", "b", "rc", "dev")
    unless_only: bool = False


def connect(settings: Settings, folder: Path) -> Rule:
    return Prerelease(frozenset(settings.phases), settings.unless_only)


class Prerelease(Struct, frozen=True):
    """Objects to versions of some phases; `unless_only`: if the project has any others."""

    phases: frozenset[str]
    unless_only: bool

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        said = {version: self._says(version) for version in offer.versions}
        if self.unless_only and None not in said.values():
            said = {version: each for version, each in said.items() if version is None}
        for version, objection in said.items():
            if objection is not None:
                yield from ((candidate, objection) for candidate in offer.versions[version])

    def _says(self, version: Version | None) -> Objection | None:
        if version is None:
            return UNKNOWN
        dev = version.is_devrelease and "dev" in self.phases
        phase = version.pre[0] if version.pre and version.pre[0] in self.phases else None
        if not phase and not dev:
            return None
        return Objection(f"{version} is {WORDS[phase or 'dev']}")
