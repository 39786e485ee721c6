"""What bandersnatch writes besides pages: PyPI's JSON API, and when the last change was."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from cloche.core.errors import BadUpload
from cloche.core.metadata import Metadata
from cloche.core.model import Page
from cloche.core.pypi_json import Account, render
from cloche.core.releases import NO_RELEASE, Release, by_preference, releases, teller
from cloche.core.static import placed
from cloche.ports import Journal
from cloche.service import told
from cloche.service.files import Files
from cloche.service.sight import Sight


@dataclass(frozen=True, slots=True)
class Documents:
    """`base` is where the export will be served; else addresses begin at the server's root."""

    files: Files
    journal: Journal
    index: str
    base: str

    async def of(self, sight: Sight, page: Page, folders: Mapping[str, str]) -> bytes:
        """The document of a project whose page in the export this is.

        Raise what reading metadata raises: to call dependencies unknown that only could not be
        looked at would be a false answer.
        """
        newest = next(iter(by_preference(releases(page))), NO_RELEASE)
        metadata = await self._metadata(page, newest)
        advisories = await self.files.view.advisories(sight)

        def work() -> bytes:
            there = placed(page, folders)
            found = releases(there)
            account = Account(
                page=there,
                releases=found,
                serial=sight.told,
                address=f"{self.base}/simple/{page.name}/",
                packages=f"{self.base}/packages/",
                uploads={upload.filename: upload for upload in sight.uploads},
                advisories=advisories,
            )
            release = next(iter(by_preference(found)), NO_RELEASE)
            return render(account, release, metadata, history=True)

        return await asyncio.to_thread(work)

    async def _metadata(self, page: Page, release: Release) -> Metadata | None:
        file = teller(release)
        if file is None:
            return None
        try:
            return await told.read(self.files, self.index, page.name, file)
        except BadUpload:
            return None

    async def modified(self, serial: int) -> bytes:
        """When the change of this serial was, as bandersnatch writes it; empty if none is known."""
        places = self.files.view.closure(self.index)
        events = await self.journal.events(places, serial - 1, 1)
        return b"".join(f"{each.at:%Y%m%dT%H:%M:%S}\n".encode() for each in events)
