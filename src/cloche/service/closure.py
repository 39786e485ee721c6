"""Which projects the chosen ones need: their metadata's requirements, for the environments listed.

It is told by what is kept, and nobody is asked: what is not here yet is told by the next look.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from msgspec import Struct
from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from cloche.core import metadata
from cloche.core.choosing import Rules, choose
from cloche.core.errors import BadName, BadUpload, NoSuchBlob
from cloche.core.model import METADATA, Held, Page, ProjectName, project_name
from cloche.core.targets import Targets
from cloche.core.wants import Want
from cloche.ports import Blobs, Holdings
from cloche.service.desired import Judges
from cloche.service.upstream import CachedUpstream

MOST = 100_000  # requirements that are followed
MAX_METADATA = 1 << 20  # bytes that are worth reading for that


class Need(Struct, frozen=True):
    """A version of a project that satisfies, with extras."""

    project: ProjectName
    specifiers: SpecifierSet = SpecifierSet()
    extras: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Closure:
    """One upstream's. Each environment is by itself: what is newest for one may not be for all."""

    cached: CachedUpstream
    judges: Judges
    holdings: Holdings
    blobs: Blobs
    environments: Sequence[Targets]
    wants: Sequence[Want] = ()  # what requirements say of versions

    async def of(self, chosen: Iterable[ProjectName]) -> set[ProjectName]:
        """All projects that these need, and what those need, themselves included.

        Of each requirement the newest version counts that satisfies it, in each environment.
        """
        bounds = {want.project: want.specifiers for want in self.wants}
        waiting = [Need(each, bounds.get(each, SpecifierSet())) for each in chosen]
        seen = set(waiting)
        while waiting and len(seen) < MOST:
            need = waiting.pop()
            new = {each async for each in self._of(need)} - seen
            seen |= new
            waiting += new
        return {need.project for need in seen}

    async def _of(self, need: Need) -> AsyncIterator[Need]:
        answer = await self.cached.last(need.project)
        if answer is None:
            return
        desired = await self.judges.of(need.project, answer)
        page = Page(name=need.project, files=desired.files)
        held = await self.holdings.files(self.cached.name, need.project)
        beside = {(each.key, each.filename): each for each in held}
        want = Want(project=need.project, says="", specifiers=need.specifiers)
        for targets in self.environments:
            for file in choose(page, want, Rules(targets=targets)).files:
                told = beside.get((file.key, file.filename + METADATA))
                if told is not None and told.size <= MAX_METADATA:
                    for each in await self._required(told, targets, need.extras):
                        yield each

    async def _required(self, told: Held, targets: Targets, extras: Collection[str]) -> list[Need]:
        try:
            chunks = [each async for each in self.blobs.read(told.digest, 0, told.size)]
            lines = metadata.read(b"".join(chunks)).requires_dist
        except (BadUpload, NoSuchBlob):
            return []
        return list(_needs(lines, targets, extras))


def _needs(lines: Iterable[str], targets: Targets, extras: Collection[str]) -> Iterator[Need]:
    """Those that hold in one of the environments, without an extra or with one of these."""
    for line in lines:
        try:
            said = Requirement(line)
            project = project_name(said.name)
        except (InvalidRequirement, BadName):
            continue
        if said.marker is None or _holds(said.marker, targets, ("", *extras)):
            yield Need(project, said.specifier, frozenset(said.extras))


def _holds(marker: Marker, targets: Targets, extras: Iterable[str]) -> bool:
    """Whether the marker does, for one of the extras. What cannot be told does."""
    try:
        return any(
            marker.evaluate({**environment, "extra": extra})
            for environment in targets.environments
            for extra in extras
        )
    except (ValueError, LookupError, RecursionError):
        return True
