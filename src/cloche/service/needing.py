"""What a mirror needs besides what is chosen: versions of projects, as far as what is kept tells.

Nobody is asked: what is not here yet is told by the next look.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cloche.core.mirrors import Choice
from cloche.core.model import File, Page, ProjectName
from cloche.service.closure import Closure, Needed
from cloche.service.libraries import Kept


@dataclass(slots=True)
class Needing:
    """Of one upstream. Of the projects in `whole` all versions are wanted, whatever needs them."""

    closure: Closure
    kept: Kept
    whole: Choice | None
    needed: Needed = field(default_factory=Needed)
    lacking: frozenset[ProjectName] = frozenset()  # something of them is not kept yet

    async def look(self, listed: Iterable[ProjectName]) -> bool:
        """Find out what is needed; whether it is more than before."""
        whole = [each for each in listed if self.is_whole(each)]
        found = await self.closure.of(whole)
        before = self.needed.asked
        grew = any(asked - before.get(name, set()) for name, asked in found.asked.items())
        for name, asked in before.items():  # what was needed a moment ago goes with the next run
            found.asked.setdefault(name, set()).update(asked)
        self.needed = found
        self.lacking = frozenset(self.kept.lacking(found.files))
        return grew

    @property
    def projects(self) -> frozenset[ProjectName]:
        return frozenset(self.needed.asked)

    def is_whole(self, project: ProjectName) -> bool:
        return self.whole is not None and self.whole.match(project)

    def only(self, project: ProjectName, files: Sequence[File]) -> Sequence[File]:
        """Those that are needed, of a project's files."""
        if self.is_whole(project):
            return files
        page = Page(name=project, files=tuple(files))
        return [*self.closure.files(page, self.needed.asked.get(project, ())).values()]
