"""Which projects the lists of an index name: none that rules withhold whole, by the name alone."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloche.core.index import Ways
from cloche.core.model import ProjectName
from cloche.core.policy import FOREVER, Clause
from cloche.ports import Records


@dataclass(frozen=True, slots=True)
class Listing:
    """What holds from `now` until `until`, unless the journal names a project that is let past."""

    ways: Ways  # to what lists may name
    now: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class _ByName:
    """The rules of some indexes that go by names, at a time."""

    clauses: Mapping[str, Sequence[Clause]]
    admitted: Mapping[str, Collection[ProjectName]]  # what is let past them
    now: datetime

    def withholds(self, index: str, project: ProjectName, hosted: bool) -> bool:  # noqa: FBT001 - what Ways asks
        # Asked last what is let past: of hundreds of thousands of names few are.
        return any(
            each.shuts(project, self.now, hosted=hosted) and project not in self.admitted[index]
            for each in self.clauses.get(index, ())
        )


async def listing(ways: Ways, ledger: Records, now: datetime) -> Listing:
    """What the lists of an index may name."""
    clauses = {
        place: [each for each in ways.indexes[place].clauses if each.by_name and each.holds(now)]
        for place in ways.places
        if place in ways.indexes
    }
    clauses = {place: some for place, some in clauses.items() if some}
    if not clauses:
        return Listing(ways, now, FOREVER)
    admitted = {place: await ledger.admitted(place, now) for place in clauses}
    ends = [at for some in clauses.values() for each in some for at in each.instants()]
    ends += [at for some in admitted.values() for at in some.values()]
    until = min((at for at in ends if at > now), default=FOREVER)
    return Listing(ways.without(_ByName(clauses, admitted, now).withholds), now, until)
