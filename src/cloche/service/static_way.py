"""How an export is made, and what is told of it."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from cloche.core.model import Page, ProjectName
from cloche.core.static import Layout


class Came(Struct, frozen=True, tag_field="event", tag="came"):
    """So many bytes more of some file have come from an upstream."""

    size: int


class Wrote(Struct, frozen=True, tag_field="event", tag="wrote"):
    """A project was brought up to date in the target, or would be: a sum of its files."""

    project: ProjectName
    new: int
    size: int  # bytes of the new ones
    kept: int
    removed: int


class Left(Struct, frozen=True, tag_field="event", tag="left"):
    """So many of a project's files are not held here, and so were left out."""

    project: ProjectName
    files: int


class Lacked(Struct, frozen=True, tag_field="event", tag="lacked"):
    """What could not be had, and why. `filename` is None for a project as a whole."""

    says: str
    filename: str | None
    why: str


class Noted(Struct, frozen=True, tag_field="event", tag="note"):
    """What is not known of dependencies: no failure."""

    says: str


Event = Came | Wrote | Left | Lacked | Noted
Tell = Callable[[Event], None]
Narrow = Callable[[Page], tuple[Page, Sequence[Lacked]]]
"""Leaves on a page what is wanted of it, and says what it lacks."""


class Way(Struct, frozen=True, kw_only=True):
    """How an export is made."""

    index: str
    layout: Layout
    base: str = ""  # URL at which the target will be served; empty: it is not known
    held_only: bool = False
    dry: bool = False
    jobs: int = 8
