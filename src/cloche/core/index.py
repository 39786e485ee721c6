"""An index: a named view with a URL, and what it is made of."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

from msgspec import Struct

from cloche.core.access import ReadPolicy
from cloche.core.model import ProjectName
from cloche.core.patterns import Names
from cloche.core.policy import Clause
from cloche.core.publishers import Publisher

Fallthrough = Literal["cache", "redirect", "none"]
"""What becomes of a name that only an upstream can have: asked and kept; left to the client; no."""


class Route(Struct, frozen=True, kw_only=True):
    """Projects of which these sources alone may answer, if any: `()` leaves the own uploads."""

    projects: Names
    sources: tuple[str, ...] = ()


class Index(Struct, frozen=True, kw_only=True):
    """Own uploads come first, then the sources in their order: the first owner answers alone."""

    name: str
    sources: tuple[str, ...] = ()  # names of other indexes and of upstreams
    uploads: bool = False
    read: ReadPolicy = "anyone"
    default: bool = False
    publishers: tuple[Publisher, ...] = ()  # who must have signed attestations, if anybody must
    routes: tuple[Route, ...] = ()  # the first whose projects match counts
    merge: Names | None = None  # projects of which all owners answer, not the first alone
    fallthrough: Fallthrough = "cache"
    clauses: tuple[Clause, ...] = ()  # its rules
    follows: str | None = None  # the upstream whose index it is, uploads and all, until promoted
    admit_days: float = 30  # that something may be let past them at the longest

    def sources_of(self, project: ProjectName) -> tuple[str, ...]:
        """What may be asked for the project, in that order."""
        for route in self.routes:
            if route.projects.match(project):
                return route.sources
        return self.sources

    def merges(self, project: ProjectName) -> bool:
        return self.merge is not None and self.merge.match(project)

    @property
    def every_source(self) -> tuple[str, ...]:
        """All that may be asked for one project or another."""
        if not self.routes:
            return self.sources
        routed = (source for route in self.routes for source in route.sources)
        return tuple(dict.fromkeys((*self.sources, *routed)))


Way = tuple[str, ...]
"""From an index over what it draws on to one place, both ends included."""

Withholds = Callable[[str, ProjectName, bool], bool]
"""Whether the rules of an index withhold all of a project that is uploaded, or an upstream's."""


class Plan(NamedTuple):
    """Whom a place asks for a project, in that order: all of them if it merges."""

    place: str
    merges: bool = False
    below: tuple["Plan", ...] = ()

    @property
    def places(self) -> Iterator[str]:
        yield self.place
        for each in self.below:
            yield from each.places

    def ways(self, above: Way = ()) -> Iterator[Way]:
        """From what is above down to each place."""
        way = (*above, self.place)
        yield way
        for each in self.below:
            yield from each.ways(way)


@dataclass(frozen=True)
class Ways:
    """What an index draws on, and which of that may answer for a project.

    Made once and asked for many projects: few of them differ in who may answer.
    """

    indexes: Mapping[str, Index]
    index: str
    withholds: Withholds | None = None  # None: rules do not matter
    _plans: dict[Any, Plan] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def places(self) -> tuple[str, ...]:
        """The index and everything that it draws on, in the order in which it is asked."""
        return tuple(dict.fromkeys(_drawn(self.indexes, self.index)))

    def plan(self, project: ProjectName) -> Plan:
        """Who is asked for the project."""
        key = tuple((each.sources_of(project), each.merges(project)) for each in self._choosing)
        if key not in self._plans:
            self._plans[key] = self._plan(self.index, project)
        return self._plans[key]

    def of(self, project: ProjectName) -> frozenset[str]:
        """Those places that may answer for the project, and are not withheld."""
        plan = self.plan(project)
        if self.withholds is None:
            return frozenset(plan.places)
        return frozenset(way[-1] for way in plan.ways() if self.shows(project, way))

    @cached_property
    def of_all(self) -> frozenset[str]:
        """Those places that may answer for any project whatever; none if that is up to names."""
        if self._choosing or self.withholds is not None:
            return frozenset()
        return self.of(_ANY)

    def shows(self, project: ProjectName, way: Way) -> bool:
        """Whether no index on the way withholds what the end of it itself has of the project."""
        hosted = way[-1] in self.indexes
        return self.withholds is None or not any(
            self.withholds(place, project, hosted) for place in way
        )

    def without(self, withholds: Withholds) -> "Ways":
        """The ways to what rules do not withhold."""
        return Ways(self.indexes, self.index, withholds)

    def sources(self, project: ProjectName) -> tuple[str, ...]:
        """Whom the index itself asks for the project, in that order."""
        one = self.indexes[self.index]
        return tuple(
            source
            for source in one.sources_of(project)
            if one.fallthrough == "cache" or source in self.indexes
        )

    @cached_property
    def _choosing(self) -> tuple[Index, ...]:
        """The indexes in which it is up to the project who is asked."""
        drawn = (self.indexes[place] for place in self.places if place in self.indexes)
        return tuple(each for each in drawn if each.routes or each.merge)

    def _plan(self, place: str, project: ProjectName) -> Plan:
        if place not in self.indexes:
            return Plan(place)
        asked = Ways(self.indexes, place).sources(project)
        below = tuple(self._plan(source, project) for source in asked)
        return Plan(place, self.indexes[place].merges(project), below)


_ANY = ProjectName("any")


def _drawn(indexes: Mapping[str, Index], place: str) -> Iterator[str]:
    yield place
    if place in indexes:
        for source in indexes[place].every_source:
            yield from _drawn(indexes, source)


def watched(indexes: Mapping[str, Index]) -> set[str]:
    """All below rules that ask when this server first saw a file."""
    found: set[str] = set()
    new = {name for name, each in indexes.items() if any(rule.watches for rule in each.clauses)}
    while new:
        found |= new
        new = {at for name in new & indexes.keys() for at in indexes[name].every_source} - found
    return found


def behind(
    indexes: Mapping[str, Index], place: str, among: Iterable[str] | None = None
) -> tuple[str, str] | None:
    """An index in which something else is asked after the place, and what; None if none is."""
    for name in indexes if among is None else among:
        index = indexes[name]
        for order in (index.sources, *(route.sources for route in index.routes)):
            leads = [place in Ways(indexes, source).places for source in order]
            after = order[leads.index(True) + 1 :] if any(leads) else ()
            later = next((each for each in after if each != place), None)
            if later is not None:
                return name, later
    return None
