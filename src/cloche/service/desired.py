"""What indexes want of an upstream's project: the view's own judgement, asked ahead of need."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from cloche.core.errors import Forbidden, NoSuchProject, ProjectDeleted
from cloche.core.model import File, Held, Page, ProjectName
from cloche.core.policy import FOREVER, Effect, settled
from cloche.core.wire import QUARANTINED
from cloche.service.listing import Listing
from cloche.service.sight import Sight
from cloche.service.upstream import Answer, CachedUpstream
from cloche.service.view import View


@dataclass(frozen=True, slots=True)
class Desired:
    """Of one project. `refused` may not even be kept: rules deny it, for good."""

    files: tuple[File, ...]
    refused: frozenset[str]  # by filename
    until: datetime  # when the same rules may want others


@dataclass(frozen=True, slots=True)
class _AtHand:
    """An upstream as the view needs it, whose answers are at hand: nobody asks it twice."""

    cached: CachedUpstream
    answers: dict[ProjectName, Answer] = field(default_factory=dict)

    async def page(self, project: ProjectName) -> Answer:
        found = self.answers.get(project)
        if found is None:
            raise NoSuchProject(f"{self.cached.name} has no project {project}")
        return found

    async def keeps(self, project: ProjectName) -> bool:
        return await self.cached.keeps(project)

    async def check_kept(self, held: Held) -> None:
        await self.cached.check_kept(held)

    async def known(self, project: ProjectName) -> Page | None:
        return await self.cached.known(project)


Only = Callable[[ProjectName, Sequence[File]], Sequence[File]]
"""Leaves of a project's files what is wanted, where only some versions are."""


class Judges:
    """The indexes that draw on an upstream. A file is wanted if one of `asking` lists it."""

    only: Only | None = None

    def __init__(self, view: View, cached: CachedUpstream, asking: Sequence[str]) -> None:
        self._upstream = cached.name
        self._hand = _AtHand(cached)
        self._plain = view
        self._view = replace(view, upstreams={**view.upstreams, cached.name: self._hand})
        self._asking = asking
        self._every = drawing(view, cached.name)

    async def listings(self) -> list[Listing]:
        """Which projects the lists of those that ask may name."""
        return [await self._view.listing(each) for each in self._asking]

    async def page(self, project: ProjectName) -> None:
        """Have the page kept as any client would: of a project that nobody says is there."""
        for index in self._asking:
            try:
                sight = await self._plain.project(index, project)
            except (NoSuchProject, ProjectDeleted, Forbidden):
                continue
            if self._upstream in sight.serials:
                return
        raise NoSuchProject(f"{self._upstream} has no project {project} for any index")

    async def of(self, project: ProjectName, answer: Answer) -> Desired:
        """What is wanted of that, if only some versions are. Raise what `all_of` does."""
        desired = await self.all_of(project, answer)
        if self.only is None:
            return desired
        return replace(desired, files=tuple(self.only(project, desired.files)))

    async def all_of(self, project: ProjectName, answer: Answer) -> Desired:
        """Judge what the upstream has said of a project. Raise what `View.project` does in doubt.

        What one index denies may be kept as long as another does not.
        """
        self._hand.answers[project] = answer
        try:
            sights = {index: await self._sight(index, project) for index in self._every}
        finally:
            del self._hand.answers[project]
        wanted: dict[str, File] = {}
        for index in self._asking:
            wanted |= {file.filename: file for file in self._listed(sights[index])}
        denying = [_denied(sight, answer.page.files) for sight in sights.values() if sight]
        refused = frozenset.intersection(*denying) if denying else frozenset()
        ends = [sight.ruled_until for sight in sights.values() if sight]
        return Desired(tuple(wanted.values()), refused, min(ends, default=FOREVER))

    async def _sight(self, index: str, project: ProjectName) -> Sight | None:
        try:
            return await self._view.project(index, project)
        except (NoSuchProject, ProjectDeleted, Forbidden):
            return None

    def _listed(self, sight: Sight | None) -> Iterable[File]:
        if sight is None or sight.page.status == QUARANTINED:
            return ()
        return (f for f in sight.page.files if sight.origin(f.filename).owner == self._upstream)


def drawing(view: View, upstream: str) -> list[str]:
    """The indexes that draw on an upstream."""
    return [name for name in view.indexes if upstream in view.ways(name).places]


def _denied(sight: Sight, offered: Collection[File]) -> frozenset[str]:
    """What a rule denies without an end. What is only hidden, or for a time, may be kept."""
    names = {file.filename for file in offered} & sight.withheld.keys()
    rulings = {name: settled(sight.rulings.get(name, ())) for name in names}
    return frozenset(
        name
        for name, ruling in rulings.items()
        if ruling is not None and ruling.effect is Effect.DENY and ruling.until is None
    )
