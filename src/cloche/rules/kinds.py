"""Kinds of distributions: wheels, sdists, and what there was before them."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

from msgspec import Struct

from cloche.core.errors import BadName
from cloche.core.policy import Candidate, Objection, Offer, Rule

Kind = Literal["wheel", "sdist", "egg", "wininst", "msi", "rpm", "dumb"]
FILETYPES = {"sdist" if kind == "sdist" else f"bdist_{kind}": kind for kind in get_args(Kind)}
"""The legacy upload API's words for them."""

OF_KIND = {kind: Objection(f"it is of the kind {kind}") for kind in get_args(Kind)}
UNKNOWN = Objection("its kind cannot be told from its name")


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "kinds"`."""

    only: tuple[Kind, ...] = ()
    no: tuple[Kind, ...] = ()


def connect(settings: Settings, folder: Path) -> Rule:
    """Raise BadName when it says nothing, or nothing is left."""
    shown = set(settings.only or get_args(Kind)).difference(settings.no)
    if not shown or not (settings.only or settings.no):
        raise BadName('say which kinds are shown, such as only = ["wheel", "sdist"]')
    return Kinds(frozenset(get_args(Kind)) - shown)


class Kinds(Struct, frozen=True):
    """Objects to some kinds, and to names that follow no rule."""

    unwanted: frozenset[Kind]

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        for candidate in offer.candidates:
            kind = FILETYPES.get(candidate.brief.filetype)
            if kind is None:
                yield candidate, UNKNOWN
            elif kind in self.unwanted:
                yield candidate, OF_KIND[kind]
