"""Regular expressions over PyPI's JSON of a project, and over what that says of a file."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path as Folder
from typing import Literal
from urllib.parse import urljoin

from distlib.index import DEFAULT_INDEX
from msgspec import Struct

from cloche.core.known import Lack, Need
from cloche.core.policy import Candidate, Objection, Offer, Rule
from cloche.core.pypi_document import Document, Path, path
from cloche.rules._values import Asked, asked

ROOT = urljoin(f"{DEFAULT_INDEX}/", "../project/")
"""Where PyPI has its pages of projects."""

Said = tuple[str, ...] | Lack


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "pypi_json"`."""

    path: str
    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    admits: tuple[str, ...] = ()
    missing: Literal["deny", "allow"] = "deny"


def connect(settings: Settings, folder: Folder) -> Rule:
    """Raise BadName when the path leads nowhere, or nothing is asked that can be."""
    wanted = asked(settings.any, settings.all, settings.none, settings.admits)
    return OfDocument(path(settings.path), wanted, settings.missing == "allow")


class OfDocument(Struct, frozen=True, eq=False):
    """Objects to files for which a path does not lead to what is wanted: most paths, for all alike.

    Where it leads to nothing `missing` counts; where that was not to be had, doubt means no.
    """

    path: Path
    wanted: Asked
    missing: bool

    @property
    def needs(self) -> frozenset[Need]:
        return self.path.needs

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        document = Document(offer, self.path, ROOT)
        if not self.path.of_file:
            objection = self._verdict(document.of_project()) if offer.candidates else None
            return [(each, objection) for each in offer.candidates] if objection else []
        return self._by_file(document)

    def _by_file(self, document: Document) -> Iterable[tuple[Candidate, Objection]]:
        verdicts: dict[Said, Objection | None] = {}  # files that say the same, once
        for candidate in document.offer.candidates:
            found = document.of(candidate)
            if found not in verdicts:
                verdicts[found] = self._verdict(found)
            objection = verdicts[found]
            if objection is not None:
                yield candidate, objection

    def _verdict(self, found: Said) -> Objection | None:
        if isinstance(found, Lack):
            return Objection(f"its {self.path} is unknown: {found.reason}")
        if not any(found) and (self.wanted.admits or not found):
            return None if self.missing else Objection(f"it has no {self.path}")
        return None if self.wanted.of(found) else Objection(f"its {self.path} is not as wanted")
