"""What is here: uploads, and what is kept of upstreams' files. Nobody is asked for anything."""

from dataclasses import dataclass

from msgspec.structs import replace

from cloche.core.errors import NoSuchProject
from cloche.core.filenames import version_of
from cloche.core.model import File, Held, Page, ProjectName
from cloche.ports import Clock, Holdings, Ledger
from cloche.service.upstream import Answer, CachedUpstream
from cloche.service.view import View

METADATA = ".metadata"


@dataclass(frozen=True, slots=True)
class KeptUpstream:
    """An upstream as the view needs it, which shows the files of it that are kept."""

    cached: CachedUpstream
    holdings: Holdings
    clock: Clock

    async def page(self, project: ProjectName) -> Answer:
        """The project's kept files, those that the upstream lists no longer too.

        A project that is known, and of which nothing is kept, has a page without files: another
        source may not answer for it.
        """
        known = await self.cached.known(project)
        held = await self._held(project)
        if known is None and not held:
            raise NoSuchProject(f"nothing is kept of {self.cached.name}'s project {project}")
        page = known or Page(name=project)
        return Answer(replace(page, files=_kept(page, held), versions=()), self.clock())

    async def keeps(self, project: ProjectName) -> bool:
        return await self.cached.keeps(project)

    async def check_kept(self, held: Held) -> None:
        await self.cached.check_kept(held)

    async def _held(self, project: ProjectName) -> list[Held]:
        """Without the files that are served no more."""
        found = await self.holdings.files(self.cached.name, project)
        recall = self.cached.recall
        denied = await recall.denied(project) if recall is not None else {}
        return [each for each in found if (each.key, each.filename) not in denied]

    async def known(self, project: ProjectName) -> Page | None:
        return await self.cached.known(project)


def _kept(page: Page, held: list[Held]) -> tuple[File, ...]:
    by_name = {(one.key, one.filename): one for one in held}
    listed = [
        _as_kept(file, found, with_metadata=(file.key, file.filename + METADATA) in by_name)
        for file in page.files
        if (found := by_name.get((file.key, file.filename)))
    ]
    names = {file.filename for file in page.files}
    unlisted = {
        one.filename: File(filename=one.filename, hashes={"sha256": one.digest}, size=one.size)
        for one in held
        if one.filename not in names and version_of(one.filename) is not None
    }
    return (*unlisted.values(), *listed)


def _as_kept(file: File, held: Held, *, with_metadata: bool) -> File:
    """The file without an address, so that nothing of it can be asked for elsewhere."""
    return replace(
        file,
        url="",
        hashes={**file.hashes, "sha256": held.digest},
        size=held.size,
        core_metadata=file.core_metadata if with_metadata else False,
        provenance=None,
        gpg_sig=None,
    )


@dataclass(frozen=True, slots=True)
class Kept:
    """The names of what is here."""

    view: View
    ledger: Ledger
    holdings: Holdings

    async def projects(self, index: str) -> list[ProjectName]:
        """Every project that was uploaded, or of which a file is kept. Sorted."""
        return await self.view.held(index, self.holdings)

    async def uploaded(self, index: str) -> list[ProjectName]:
        """The projects uploaded to the index, or to one that it draws on. Sorted."""
        ways = self.view.ways(index)
        names: set[ProjectName] = set()
        for place in ways.places:
            if place in self.view.indexes:
                found = await self.ledger.projects(place)
                names.update(name for name in found if place in ways.of(name))
        return sorted(names)
