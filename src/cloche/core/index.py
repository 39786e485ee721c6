"""An index: a named view with a URL, and what it is made of."""

from collections.abc import Mapping
from typing import Literal

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
        routed = (source for route in self.routes for source in route.sources)
        return tuple(dict.fromkeys((*self.sources, *routed)))


def asked(indexes: Mapping[str, Index], name: str) -> list[str]:
    """The index or upstream and all that it draws on, each time that it is asked."""
    sources = indexes[name].sources if name in indexes else ()
    return [name, *(each for source in sources for each in asked(indexes, source))]


def watched(indexes: Mapping[str, Index]) -> set[str]:
    """All below rules that ask when this server first saw a file."""
    found: set[str] = set()
    new = {name for name, each in indexes.items() if any(rule.watches for rule in each.clauses)}
    while new:
        found |= new
        new = {at for name in new & indexes.keys() for at in indexes[name].every_source} - found
    return found


def behind(indexes: Mapping[str, Index], upstream: str) -> tuple[str, str] | None:
    """An index in which something else is asked after the upstream, and what; None if none is."""
    for index in indexes:
        order = asked(indexes, index)
        for later in order[order.index(upstream) :] if upstream in order else ():
            if later != upstream:
                return index, later
    return None
