"""An upstream's pages, read, and completed by what was found out besides."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from cloche.core import backfill
from cloche.core.model import Page, ProjectName
from cloche.core.wire import read_page
from cloche.ports import Document, Findings, Found, Kept

FEW = 100  # files that are looked through sooner than a thread is woken
INLINE = 64 << 10  # bytes of a page that are parsed sooner than a thread is woken


@dataclass(frozen=True, slots=True)
class Completing:
    """What one upstream leaves unsaid, and where that is found and recorded."""

    upstream: str
    findings: Findings
    max_files: int
    watched: bool  # some rule asks when each of its files was first seen

    async def reread(self, project: ProjectName, kept: Kept, findings: Found) -> Page:
        """The page as it is kept, and what was found out besides."""
        listed = await self.parse(project, kept.document)
        known = await self.known(project, listed, findings)
        return await self.filled(listed, known, kept.first_seen)

    async def known(self, project: ProjectName, listed: Page, findings: Found) -> backfill.Findings:
        """What was found out about a page that leaves something unsaid; nobody is asked else."""
        kept: backfill.Kept = {}
        seen: backfill.Seen = {}
        if backfill.lacks_bytes(listed):
            kept = await findings.kept(self.upstream, project)
        if self.watched or backfill.lacks_times(listed):
            seen = await findings.seen(self.upstream, project)
        return backfill.Findings(kept, seen, self.watched)

    async def filled(self, listed: Page, known: backfill.Findings, since: datetime) -> Page:
        if len(listed.files) <= FEW:
            return backfill.filled(listed, known, since)
        return await asyncio.to_thread(backfill.filled, listed, known, since)

    async def late(
        self, project: ProjectName, known: backfill.Findings, before: Kept | None
    ) -> dict[str, datetime]:
        """What the page before listed while nobody watched: seen when that page came."""
        if before is None or not self.watched:
            return {}
        earlier = await self.parse(project, before.document)
        new = (each for each in backfill.sightings(earlier) if each not in known.seen)
        return dict.fromkeys(new, before.first_seen)

    async def see(
        self,
        project: ProjectName,
        listed: Page,
        known: backfill.Findings,
        late: dict[str, datetime],
        at: datetime,
    ) -> None:
        """Record what is there for the first time, before the page that lists it is kept."""
        told = backfill.sightings(listed) if self.watched else backfill.timeless(listed)
        if late:
            # What is not named is taken for unlisted.
            still = (each for each in told if each in known.seen)
            await self.findings.see(
                self.upstream, project, [*late, *still], next(iter(late.values()))
            )
        if any(each not in known.seen for each in told):
            await self.findings.see(self.upstream, project, told, at)

    async def parse(self, project: ProjectName, document: Document) -> Page:
        """Parse a page, in a thread when it is large. Raise UpstreamLies when it is none."""

        def parse() -> Page:
            return read_page(
                project,
                document.body,
                document.content_type,
                document.url,
                max_files=self.max_files,
            )

        if len(document.body) <= INLINE:
            return parse()
        return await asyncio.to_thread(parse)
