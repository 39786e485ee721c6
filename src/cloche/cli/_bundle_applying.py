"""Reading a bundle, and applying it, step by step, told as it goes."""

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from cloche.app.services import opened
from cloche.bundles.archive import Archive
from cloche.cli._bundle_told import Applied
from cloche.cli._progress import Amount, Report
from cloche.config import Settings
from cloche.core.bundles import Load
from cloche.core.errors import BadSetting
from cloche.ports.bundles import Change
from cloche.service.unpack import Plan, check_room

T = TypeVar("T")


async def check(archive: Archive, report: Report) -> None:
    """Read all of it. Raise BadBundle."""
    said = archive.header
    report.expect(Amount(projects=said.projects, files=said.files, size=said.size))
    walk = archive.check()
    # So many at once that waking a thread costs little, and so few that Ctrl-C is soon heard.
    while some := await asyncio.to_thread(_some, walk):
        for each in some:
            report.done(Amount(projects=each.projects, files=each.files, size=each.size))


def _some(walk: Iterator[T]) -> list[T]:
    return list(islice(walk, 32))


def upstream_of(settings: Settings, said: str | None) -> str:
    """The upstream to which a bundle goes. Raise BadSetting unless it is clear."""
    fit = [name for name, each in settings.upstreams.items() if each.kind == "bundle"]
    if said is None and len(fit) == 1:
        return fit[0]
    if said in fit:
        return said
    if not fit:
        raise BadSetting(
            'no upstream is of kind "bundle"; add [upstream.carried] with kind = "bundle" to the '
            "settings, and give them with --config"
        )
    raise BadSetting(f"say with --to which upstream the bundle goes to: {', '.join(fit)}")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A bundle that is to be applied."""

    settings: Settings
    upstream: str
    archive: Archive
    replaces: bool
    who: str

    @property
    def load(self) -> Load:
        archive = self.archive
        return Load(mark=archive.mark, base=archive.header.base, replaces=self.replaces)

    async def apply(self, report: Report, *, dry_run: bool) -> Applied:
        """Raise BadBundle when it is damaged, or not its turn; StorageFull."""
        await check(self.archive, report)
        async with opened(self.settings, patience=0) as services:
            unpack = services.unpack
            plan = await unpack.plan(self.upstream, self.load, self.archive)
            check_room(plan, _free(self.settings))
            if dry_run:
                return self._applied(plan, None)
            async for _ in unpack.fill(self.archive):
                pass
            done = await unpack.show(self.upstream, self.load, self.archive, self.who)
            return self._applied(plan, done)

    def _applied(self, plan: Plan, done: Change | None) -> Applied:
        return Applied(
            upstream=self.upstream,
            bundle=self.archive.identity,
            changed=done.changed if done else plan.changed,
            gone=plan.gone,
            files=plan.files,
            size=plan.size,
            dry_run=done is None,
        )


def _free(settings: Settings) -> dict[str, int]:
    """Bytes that are free, where this machine's disks keep something."""
    places = {"spool": settings.data}
    blobs = urlsplit(settings.blobs_url)
    if blobs.scheme == "file":
        places["blobs"] = Path(unquote(blobs.path))
    return {name: shutil.disk_usage(path).free for name, path in places.items() if path.exists()}
