"""Where answers lie that were given before, within bounds."""

from collections.abc import Hashable
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from cloche.service.roots import Root
from cloche.service.shelf import Rendered, Shown

MAX_HITS = 20_000
FEW_HITS = 500  # among which those of pages that are dropped may lie

T_contra = TypeVar("T_contra", contravariant=True)


class Keeper(Protocol[T_contra]):
    """Who knows whether something may be shown again."""

    def current(self, shown: T_contra, /) -> bool: ...


class Hit(NamedTuple):
    """Where an answer lies."""

    keeper: Keeper[Any]
    shown: Shown | Root
    rendered: Rendered

    def is_current(self) -> bool:
        """Whether it is the answer still. Asks nobody, and costs microseconds."""
        return self.keeper.current(self.shown)

    def holds(self) -> bool:
        return self.shown.holds


class Holding(Protocol):
    def holds(self) -> bool:
        """Whether what it leads to is still kept; once it is not, it never is again."""


K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Holding)


class Hits(Generic[K, V]):
    """By question. What the shelf has dropped, whose bytes it no longer counts, is let go."""

    def __init__(self) -> None:
        self._hits: dict[K, V] = {}
        self._room = FEW_HITS
        self.find = self._hits.get

    def keep(self, question: K, hit: V) -> None:
        if len(self._hits) >= self._room:
            self._make_room()
        self._hits[question] = hit

    def _make_room(self) -> None:
        held = {question: hit for question, hit in self._hits.items() if hit.holds()}
        self._hits.clear()
        if len(held) < MAX_HITS:
            self._hits.update(held)
        self._room = min(MAX_HITS, max(FEW_HITS, 2 * len(self._hits)))
