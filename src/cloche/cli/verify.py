"""`cloche verify`: every blob, page and row that is kept, against what it was."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from msgspec import Struct

from cloche.app.auditing import auditing
from cloche.app.opening import utc_now
from cloche.app.patience import LEFTOVER
from cloche.cli._options import Config, Data, Events, begin
from cloche.cli._progress import Amount, Event, Report, reporting, stoppable
from cloche.config import Settings
from cloche.core.errors import BadSetting
from cloche.core.index import Ways
from cloche.core.model import Digest
from cloche.core.quantities import readable
from cloche.service.mend import Mend
from cloche.service.verify import Found, Kind, Known, Looked, Read, Wrong

app = typer.Typer(add_completion=False, rich_markup_mode=None)

JOBS = 4
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_SHOWN = 3  # of the files that one blob is, on a line for people


class Concerned(Struct, frozen=True):
    """A row that needs what is wrong."""

    place: str
    project: str
    filename: str
    part: str


class Problem(Event, frozen=True, kw_only=True, tag="wrong"):
    kind: Kind
    why: str
    sha256: Digest | None
    concerns: tuple[Concerned, ...]
    repaired: bool | None  # None: nothing was tried
    repair: str

    @property
    def sentence(self) -> str:
        names = [f"{each.filename} ({each.place})" for each in self.concerns[:_SHOWN]]
        more = len(self.concerns) - _SHOWN
        what = ", ".join(names) or f"blob {self.sha256}"
        what += f" and {more} more" if more > 0 else ""
        done = f"; {self.repair}" if self.repair else ""
        state = "repaired" if self.repaired else "LOST " if self._is_ours else "wrong"
        return f"{state}  {what}: {self.why}{done}"

    @property
    def _is_ours(self) -> bool:
        """Whether it cannot be had again from anywhere else."""
        return any(each.part not in {"held", "page"} for each in self.concerns)


class Done(Event, frozen=True, kw_only=True, tag="done"):
    read: int
    size: int
    known: int
    wrong: int
    repaired: int

    @property
    def sentence(self) -> str:
        return (
            f"{self.read:,} read, {readable(self.size)}; {self.known:,} verified before; "
            f"{self.wrong} wrong, {self.repaired} of them repaired"
        )


@dataclass
class _Tally:
    read: int = 0
    size: int = 0
    known: int = 0
    wrong: int = 0
    repaired: int = 0

    @property
    def event(self) -> Done:
        return Done(
            read=self.read,
            size=self.size,
            known=self.known,
            wrong=self.wrong,
            repaired=self.repaired,
        )


@app.command()
def verify(
    places: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PLACE...",
            help="Indexes and upstreams; of an index also all that it draws on. "
            "[default: everything]",
            show_default=False,
        ),
    ] = None,
    *,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Fetch anew what upstreams have; set an upload's wrong bytes aside.",
        ),
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Also what was verified before and has not changed.")
    ] = False,
    older_than: Annotated[
        float | None,
        typer.Option(min=0, metavar="DAYS", help="Also what was verified longer ago."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Threads.")] = JOBS,
    as_json: Events = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Hold every kept file and page against its digest, and every record against its file.

    Exit code 1 if anything is wrong and was not repaired.
    """
    settings = begin(config, data)
    chosen = _chosen(settings, places)
    before = _NEVER if older_than is None else utc_now() - timedelta(days=older_than)
    work = _Work(settings, chosen, utc_now() if again else before, jobs, repair)
    with (
        reporting(as_json=as_json) as report,
        stoppable("what was verified is noted, run it again"),
    ):
        tally = asyncio.run(work.run(report))
        report.tell(tally.event)
    if tally.wrong > tally.repaired:
        raise typer.Exit(1)


def _chosen(settings: Settings, names: Collection[str] | None) -> set[str] | None:
    """The indexes and upstreams that are meant; None for all. Raise BadSetting."""
    if not names:
        return None
    found: set[str] = set()
    for name in names:
        if name in settings.indexes:
            found.update(Ways(settings.indexes, name).places)
        elif name in settings.upstreams:
            found.add(name)
        else:
            known = ", ".join((*settings.indexes, *settings.upstreams))
            raise BadSetting(f"no index or upstream {name!r}; known are {known}")
    return found


@dataclass(frozen=True, slots=True)
class _Work:
    settings: Settings
    places: set[str] | None
    before: datetime
    jobs: int
    repair: bool

    async def run(self, report: Report) -> _Tally:
        tally, mending = _Tally(), asyncio.Lock()
        async with auditing(self.settings, patience=LEFTOVER) as (verify, mend):

            async def take(found: Found) -> None:
                async with mending:
                    await self._take(found, mend, tally, report)

            await verify.run(self.places, self.before, self.jobs, take)
        return tally

    async def _take(self, found: Found, mend: Mend, tally: _Tally, report: Report) -> None:
        match found:
            case Looked(files, size):
                report.expect(Amount(files=files, size=size))
            case Read(files, size):
                tally.read += files
                tally.size += size
                report.done(Amount(files=files, size=size))
            case Known(files):
                tally.known += files
            case Wrong():
                problem = await self._problem(found, mend)
                tally.wrong += 1
                tally.repaired += problem.repaired is True
                report.tell(problem)

    async def _problem(self, wrong: Wrong, mend: Mend) -> Problem:
        mended = await mend.mend(wrong) if self.repair else None
        return Problem(
            kind=wrong.kind,
            why=wrong.why,
            sha256=wrong.digest,
            concerns=_concerns(wrong),
            repaired=mended.well if mended else None,
            repair=mended.what if mended else "",
        )


def _concerns(wrong: Wrong) -> tuple[Concerned, ...]:
    if wrong.page is not None:
        page = wrong.page
        return (Concerned(page.upstream, page.project, f"the page of {page.project}", "page"),)
    return tuple(Concerned(n.place, n.project, n.filename, n.part) for n in wrong.needs)
