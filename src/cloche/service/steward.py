"""Managing what an index shows: yanks, deletions, project statuses, each told to the journal."""

from contextlib import suppress
from dataclasses import dataclass

from cloche.core.errors import Elsewhere, Forbidden, ProjectDeleted, UpstreamDown, UpstreamLies
from cloche.core.marks import Part, reason
from cloche.core.model import ProjectName, Status
from cloche.ports import Clock, Deed, Entry, Own, Pulse, Stewardship
from cloche.service.sight import Sight
from cloche.service.view import View


@dataclass(frozen=True, slots=True)
class Steward:
    """Every worker and node shows a change when its method returns.

    Its index's own uploads are changed themselves. What a source of the index has is marked,
    and goes on as it was in the source.
    """

    view: View
    stewardship: Stewardship
    pulse: Pulse
    clock: Clock

    async def yank(self, part: Part, who: str, why: str) -> list[str]:
        """Yank a version or a file, and return the files that this is. Raise NoSuchFile."""
        deed = self._deed(who, why)
        sight, _ = await self.view.unmarked(part.index, part.project)
        files = [file.filename for file in part.of(sight.offered)]
        own, others = _parted(part, sight, files)
        if own:
            await self.stewardship.yank(part, deed, yanked=True)
        if others:
            await self.stewardship.mark(part, deed, yanked=True)
        await self.pulse.settle()
        return files

    async def unyank(self, part: Part, who: str, why: str) -> list[str]:
        """Take a yank back, whoever's it is, and return the files that this is. Raise NoSuchFile.

        Of a source's files it leaves a mark only where they would else be yanked still, so that
        the source's later yanks are heeded.
        """
        deed = self._deed(who, why)
        sight, said = await self.view.unmarked(part.index, part.project)
        files = [file.filename for file in part.of(sight.offered)]
        own, others = _parted(part, sight, files)
        if own:
            await self.stewardship.yank(part, deed, yanked=False)
        if others:
            word = False if _else_yanked(part, sight, said, others) else None
            await self.stewardship.mark(part, deed, yanked=word)
        await self.pulse.settle()
        return files

    async def delete(self, part: Part, who: str, why: str) -> list[str]:
        """Delete own uploads, and return their names. Raise NoSuchFile.

        Names and bytes belong together for ever, and the project to the index.
        """
        deleted = await self.stewardship.delete(part, self._deed(who, why))
        await self.pulse.settle()
        return deleted

    async def declare(
        self, index: str, project: ProjectName, status: Status, who: str, why: str
    ) -> None:
        """Give a project a status here. Raise NoSuchProject if nobody can have it."""
        deed = self._deed(who, why)
        with suppress(ProjectDeleted, Elsewhere, Forbidden, UpstreamDown, UpstreamLies):
            await self.view.unmarked(index, project)
        await self.stewardship.declare(index, project, status, deed)
        await self.pulse.settle()

    async def undeclare(self, index: str, project: ProjectName, who: str, why: str) -> None:
        """Leave a project's status to its source; harmless where it is."""
        await self.stewardship.declare(index, project, None, self._deed(who, why))
        await self.pulse.settle()

    async def journal(self, index: str, project: ProjectName, since: int, most: int) -> list[Entry]:
        """At most `most` entries about the project in this index, after serial `since`."""
        return await self.stewardship.journal(index, project, since, most)

    def _deed(self, who: str, why: str) -> Deed:
        return Deed(who=who, at=self.clock(), reason=reason(why))


def _parted(part: Part, sight: Sight, files: list[str]) -> tuple[list[str], list[str]]:
    """The index's own uploads, and what its sources have; a merged project may have both."""
    own = [name for name in files if sight.origin(name) == (part.index, True)]
    return own, [name for name in files if name not in own]


def _else_yanked(part: Part, sight: Sight, own: Own, names: list[str]) -> bool:
    """Whether any of these is yanked by something else than a mark on the part."""
    without = part.of(own.marks.but(part).over(sight.offered))
    return any(file.yanked for file in without if file.filename in names)
