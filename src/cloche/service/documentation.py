"""Documentation of projects: unpacked into blobs when it is uploaded, served file by file."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cloche.core import documentation
from cloche.core.access import Principal
from cloche.core.documentation import INDEX
from cloche.core.errors import Forbidden, NoSuchFile, NoSuchProject
from cloche.core.index import Index
from cloche.core.model import Digest, DocFile, ProjectName, Status
from cloche.core.wire import QUARANTINED
from cloche.core.zips import Member
from cloche.logs import Log
from cloche.ports import Blobs, Clock, Documentation, Hashed, Ledger, Pulse, Spooled
from cloche.service.fetch import Body
from cloche.service.shelf import Shelf
from cloche.service.sight import quarantined

log = Log(__name__)

AT_ONCE = 4  # files that are unpacked and kept at the same time: each waits for the disk


@dataclass(frozen=True, slots=True)
class Documents:
    blobs: Blobs
    ledger: Ledger
    documentation: Documentation
    shelf: Shelf
    pulse: Pulse
    clock: Clock

    async def publish(
        self, index: Index, who: Principal, project: ProjectName, archive: Hashed
    ) -> int:
        """Put the archive's files in place of the project's documentation; return how many.

        Every worker and node serves them when this returns. Raise NoSuchProject when nothing
        of the project is there, Forbidden when it takes no uploads (PEP 792), BadUpload with all
        that is wrong with the archive.
        """
        await self._check_owned(index, project)
        spooled = archive.spooled
        found = await asyncio.to_thread(_members, spooled)
        files: list[DocFile] = []
        for some in _batches(found):
            files += await asyncio.gather(*(self._keep(spooled, member) for member in some))
        at = self.clock()
        await self.documentation.replace(index.name, project, files, at=at, who=who.name)
        await self.pulse.settle()
        log.info("documented", index=index.name, project=project, files=len(files), by=who.name)
        return len(files)

    async def find(self, index: str, project: ProjectName, path: str) -> DocFile:
        """The file at this path of the documentation of what the index shows as the project.

        Raise NoSuchFile when there is none, Forbidden when the project is quarantined, and what
        `Shelf.get` raises.
        """
        shown = await self.shelf.get(index, project)
        page = shown.page
        if page.status == QUARANTINED:
            raise quarantined(index, project, page.status_reason)
        # A deleted project's documentation is gone, too.
        if page.files and shown.sight.owners.get(shown.sight.owner):
            found = await self.documentation.find(shown.sight.owner, project, path)
            if found is not None:
                return found
        raise NoSuchFile(f"the documentation of {project} in {index} has no file {path}")

    async def has(self, index: str, project: ProjectName) -> bool:
        """Whether the project has documentation to show. Raise what `Shelf.get` raises."""
        try:
            await self.find(index, project, INDEX)
        except (NoSuchFile, Forbidden):
            return False
        return True

    def open(self, file: DocFile) -> Body:
        return Body(file.size, self.blobs.read(file.digest, 0, file.size))

    async def _check_owned(self, index: Index, project: ProjectName) -> None:
        own = await self.ledger.own(index.name, project)
        if not own.uploads:
            raise NoSuchProject(
                f"index {index.name} has no {project} of its own to document; upload a file first"
            )
        if own.marks.status in {Status.ARCHIVED, Status.QUARANTINED}:
            raise Forbidden(
                f"{project} is {own.marks.status} in index {index.name} and takes no uploads; "
                f"`cloche status {project} active --index {index.name}` ends that"
            )

    async def _keep(self, archive: Spooled, member: Member) -> DocFile:
        data = await asyncio.to_thread(_content, archive, member)
        digest = Digest(sha256(data).hexdigest())
        await self.blobs.keep({digest: data})
        return DocFile(path=member.name, digest=digest, size=len(data))


def _members(archive: Spooled) -> list[Member]:
    with archive.path.open("rb") as file:
        return documentation.members(file)


def _content(archive: Spooled, member: Member) -> bytes:
    with archive.path.open("rb") as file:
        return documentation.content(file, member)


def _batches(found: Sequence[Member]) -> list[Sequence[Member]]:
    return [found[at : at + AT_ONCE] for at in range(0, len(found), AT_ONCE)]
