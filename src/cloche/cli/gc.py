"""`cloche gc`: let go of what nothing needs or keeps, and of what is beyond the cache's limit."""

import asyncio
import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from cloche.app.patience import LEFTOVER, SWEEP_AGE
from cloche.app.retaining import retained
from cloche.app.services import Services, opened
from cloche.cli._options import Config, Data, Events, begin
from cloche.cli._progress import NOTHING, Amount, Event, Report, reporting, stoppable
from cloche.config import Settings
from cloche.core.errors import BadName, BadSetting
from cloche.core.model import Digest
from cloche.core.quantities import byte_count, readable
from cloche.core.retention import Retained
from cloche.service.evict import Evicted, Gone
from cloche.service.retain import Superfluous

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Went(Event, frozen=True, kw_only=True, tag="evicted"):
    """An upstream's bytes."""

    sha256: Digest
    size: int
    upstream: str
    project: str
    filename: str

    @property
    def sentence(self) -> str:
        return f"evicted  {self.filename} ({self.upstream}), {readable(self.size)}"


class NotRetained(Event, frozen=True, kw_only=True, tag="not-retained"):
    """A file that an upstream's or an index's retention does not keep."""

    place: str
    project: str
    filename: str
    size: int
    upload: bool
    gone: bool

    @property
    def sentence(self) -> str:
        size = readable(self.size)
        words = ("would delete", "deleted") if self.upload else ("would drop", "dropped")
        return f"{words[self.gone]}  {self.filename} ({self.place}), {size}"


class Done(Event, frozen=True, kw_only=True, tag="done"):
    dry_run: bool
    not_retained: int
    not_retained_size: int
    unreferenced: int
    unreferenced_size: int
    evicted: int
    evicted_size: int
    left: int | None  # bytes of the cache; None where it has no limit
    limit: int | None

    @property
    def sentence(self) -> str:
        would = "would go" if self.dry_run else "gone"
        parts = [f"{self.unreferenced:,} that nothing needs, {readable(self.unreferenced_size)}"]
        if self.not_retained:
            size = readable(self.not_retained_size)
            parts.append(f"{self.not_retained:,} that retention does not keep, {size}")
        if self.left is not None and self.limit is not None:
            parts.append(f"{self.evicted:,} of upstreams' files, {readable(self.evicted_size)}")
            of = f"{readable(self.left)} of {readable(self.limit)}"
            return f"{would}: {'; '.join(parts)}; the cache has {of}"
        return f"{would}: {'; '.join(parts)}; the cache has no limit"


@app.command()
def gc(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; say what would go.")
    ] = False,
    delete_uploads: Annotated[
        bool,
        typer.Option(
            "--delete-uploads",
            help="Delete uploads that the retention of their index does not keep. Else they are "
            "only named.",
        ),
    ] = False,
    limit: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Such as '50 GB', in place of cache.limit."),
    ] = None,
    as_json: Events = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Remove what retention does not keep, what nothing needs, what is beyond the cache's limit.

    Never what a snapshot shows; an upload only by --delete-uploads.
    """
    settings = begin(config, data)
    try:
        most = settings.cache.bytes if limit is None else byte_count(limit)
    except BadName as e:
        raise BadSetting(f"--limit: {e}") from None
    again = "what is gone is gone, run it again to go on"
    with reporting(as_json=as_json) as report, stoppable(again):
        chore = _Chore(settings, most, report, dry_run=dry_run, deletes=delete_uploads)
        done = asyncio.run(chore.run())
        report.tell(done)
    if done.left is not None and most is not None and done.left > most:
        print(
            "cloche: the rest was used lately, is in a snapshot, or cannot be had again",
            file=sys.stderr,
        )
        raise typer.Exit(1)


@dataclass
class _Chore:
    settings: Settings
    limit: int | None
    report: Report
    dry_run: bool
    deletes: bool  # uploads
    kept: Amount = NOTHING  # that retention does not keep, and is gone

    async def run(self) -> Done:
        keeping = {
            name: retained(self.settings, said) for name, said in self.settings.retention.items()
        }
        async with opened(self.settings, patience=LEFTOVER) as services:
            for name, each in keeping.items():
                await self._retain(services, name, each)
            swept = await services.sweep.run(SWEEP_AGE, dry_run=self.dry_run)
            evicted = await self._evict(services)
        return Done(
            dry_run=self.dry_run,
            not_retained=self.kept.files,
            not_retained_size=self.kept.size,
            unreferenced=swept.blobs,
            unreferenced_size=swept.size,
            evicted=evicted.files if evicted else 0,
            evicted_size=evicted.size if evicted else 0,
            left=evicted.left if evicted else None,
            limit=self.limit,
        )

    async def _retain(self, services: Services, name: str, kept: Retained) -> None:
        if name in self.settings.upstreams:
            await services.retain.upstream(name, kept, self._told, dry_run=self.dry_run)
        if name in self.settings.indexes:
            dry_run = self.dry_run or not self.deletes
            await services.retain.index(name, kept, self._told, dry_run=dry_run)

    def _told(self, found: Superfluous) -> None:
        gone = not self.dry_run and (self.deletes or not found.own)
        if gone or self.dry_run:
            self.kept += Amount(files=1, size=found.size)
        self.report.tell(
            NotRetained(
                place=found.place,
                project=found.project,
                filename=found.filename,
                size=found.size,
                upload=found.own,
                gone=gone,
            )
        )

    async def _evict(self, services: Services) -> Evicted | None:
        if self.limit is None:
            return None
        return await services.evict.run(self.limit, dry_run=self.dry_run, tell=self._went)

    def _went(self, gone: Gone) -> None:
        first = gone.files[0]
        self.report.done(Amount(files=1, size=gone.size))
        self.report.tell(
            Went(
                sha256=gone.digest,
                size=gone.size,
                upstream=first.upstream,
                project=first.project,
                filename=first.filename,
            )
        )
