"""Keeping only some of what an upstream or an index has: by version, by use, by lock files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct

from cloche.core.errors import NoSuchFile
from cloche.core.marks import Part
from cloche.core.model import BESIDE, Digest, Held, ProjectName
from cloche.core.retention import Keepable, Retained
from cloche.ports import Clock, Holdings, Recalls, Records, Uses
from cloche.service.evict import LATELY, Evict
from cloche.service.pinned import Pinned
from cloche.service.steward import Steward

WHO = "cloche gc"
REASON = "retention"


class Superfluous(Struct, frozen=True, kw_only=True):
    """A file that went, or would go. `place` is the index or upstream that had it."""

    place: str
    project: ProjectName
    filename: str
    size: int
    own: bool  # an upload


Tell = Callable[[Superfluous], None]


@dataclass(frozen=True, slots=True)
class Retain:
    evict: Evict
    holdings: Holdings
    recalls: Recalls
    uses: Uses
    records: Records
    steward: Steward
    clock: Clock

    async def upstream(self, name: str, retained: Retained, tell: Tell, *, dry_run: bool) -> None:
        """Let go of an upstream's files that nothing says are kept.

        But never of what a snapshot shows, was used a moment ago or cannot be had again.
        """
        await self.evict.learn()
        pinned = await self.evict.pins.now()
        for project in await self.holdings.projects(name):
            held = await self.holdings.files(name, project)
            going = await self._going(held, retained)
            recalled = {(r.key, r.filename) for r in await self.recalls.of(name, project)}
            for each in held:
                if (
                    _main(each.filename) in going
                    and (each.key, _main(each.filename)) not in recalled
                ):
                    await self._let_go(each, pinned, tell, dry_run=dry_run)

    async def _going(self, held: Sequence[Held], retained: Retained) -> set[str]:
        """Names of the distributions that are superfluous."""
        main = [each for each in held if _main(each.filename) == each.filename]
        last = await self.uses.last([each.digest for each in main])
        files = [_keepable(each, last) for each in main]
        return {each.filename for each in retained.superfluous(files, self.clock())}

    async def _let_go(self, held: Held, pinned: Pinned, tell: Tell, *, dry_run: bool) -> None:
        now = self.clock()
        if now - LATELY <= held.at or await pinned.holds(held):
            return
        if dry_run or await self.evict.forget(held, now - LATELY, REASON):
            tell(
                Superfluous(
                    place=held.upstream,
                    project=held.project,
                    filename=held.filename,
                    size=held.size,
                    own=False,
                )
            )

    async def index(self, name: str, retained: Retained, tell: Tell, *, dry_run: bool) -> None:
        """Delete an index's own uploads that nothing says are kept, as its manager would.

        Their names stay taken; what a snapshot shows stays in that.
        """
        await self.evict.learn()
        for project in await self.records.projects(name):
            uploads = {each.filename: each for each in await self.records.files(name, project)}
            last = await self.uses.last([each.digest for each in uploads.values()])
            files = [
                Keepable(
                    project=project,
                    filename=each.filename,
                    digest=each.digest,
                    used=max(each.uploaded_at, last.get(each.digest, each.uploaded_at)),
                )
                for each in uploads.values()
            ]
            for file in retained.superfluous(files, self.clock()):
                if dry_run or await self._delete(name, project, file.filename):
                    size = uploads[file.filename].size
                    tell(
                        Superfluous(
                            place=name,
                            project=project,
                            filename=file.filename,
                            size=size,
                            own=True,
                        )
                    )

    async def _delete(self, index: str, project: ProjectName, filename: str) -> bool:
        try:
            part = Part(index=index, project=project, filename=filename)
            await self.steward.delete(part, WHO, REASON)
        except NoSuchFile:  # somebody was faster
            return False
        return True


def _main(filename: str) -> str:
    """The distribution that this is, or lies beside."""
    end = next((end for end in BESIDE if filename.endswith(end)), "")
    return filename.removesuffix(end)


def _keepable(held: Held, last: Mapping[Digest, datetime]) -> Keepable:
    used = max(held.at, last.get(held.digest, held.at))
    return Keepable(project=held.project, filename=held.filename, digest=held.digest, used=used)
