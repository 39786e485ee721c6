"""`cloche follow`: how far indexes follow another server's, and catching up by hand."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from cloche.app.services import opened
from cloche.cli._options import Config, Data, Json, begin, check_index
from cloche.cli._progress import Amount, Event, Report, plain, reporting, stoppable
from cloche.cli._shown import table
from cloche.config import Settings
from cloche.core.errors import BadSetting, Error, Follows
from cloche.core.following import Told
from cloche.ports import Pursuit
from cloche.service.follow import Follow

app = typer.Typer(add_completion=False, rich_markup_mode=None)

HEAD = ["index", "follows", "state", "behind", "level at", "last contact", "trouble"]


class Level(Event, frozen=True, kw_only=True, tag="level"):
    """All that had happened there is done here."""

    index: str
    url: str
    serial: int

    @property
    def sentence(self) -> str:
        return f"{self.index} has all of {self.url} up to its serial {self.serial}"


class Missing(Event, frozen=True, kw_only=True, tag="missing"):
    """Something that happened there is not done here."""

    index: str
    serial: int
    at: datetime
    who: str
    action: str
    project: str
    what: str | None  # filename or version

    @property
    def sentence(self) -> str:
        at = self.at.astimezone(UTC).isoformat(timespec="seconds")
        what = self.what or self.project
        return f"{self.index} lacks serial {self.serial}, {at}, {self.who}: {self.action} {what}"


class Failed(Event, frozen=True, kw_only=True, tag="failed"):
    """It could not be followed."""

    index: str
    error: str

    @property
    def sentence(self) -> str:
        return f"{self.index}: {self.error}"


@app.command()
def follow(
    indexes: Annotated[
        list[str] | None,
        typer.Argument(metavar="INDEX...", help="Indexes that follow. [default: all of them]"),
    ] = None,
    *,
    status: Annotated[
        bool, typer.Option("--status", help="Say how far they are, and do nothing.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Ask what has happened there that is not done here."),
    ] = False,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Do what has happened in the indexes of another server that these follow.

    A running server does that by itself. Exit code 1 if one of them cannot be followed, or with
    --status if one is in trouble: also a promoted one whose former primary still takes changes.
    """
    settings = begin(config, data)
    for name in indexes or ():
        check_index(settings, name, config)
    if status:
        well = asyncio.run(_status(settings, indexes, as_json=as_json))
    else:
        if settings.server.offline:
            raise BadSetting(
                "server.offline is set, so nobody is asked; start without it to follow"
            )
        well = _run(settings, indexes, dry_run=dry_run, as_json=as_json)
    if not well:
        raise typer.Exit(1)


async def _status(settings: Settings, indexes: list[str] | None, *, as_json: bool) -> bool:
    async with opened(settings, patience=0) as services:
        found = [each for each in await services.pursuits.all() if _meant(each.index, indexes)]
    if as_json:
        sys.stdout.write(msgspec.json.encode([_told(each) for each in found]).decode() + "\n")
    else:
        for line in table([HEAD, *map(_cells, found)]):
            print(plain(line))
    return not any(each.trouble for each in found)


def _run(settings: Settings, indexes: list[str] | None, *, dry_run: bool, as_json: bool) -> bool:
    again = "what was done stays, run it again to go on"
    with reporting(as_json=as_json) as report, stoppable(again):
        return asyncio.run(_all(settings, indexes, report, dry_run=dry_run))


async def _all(
    settings: Settings, indexes: list[str] | None, report: Report, *, dry_run: bool
) -> bool:
    well = True
    async with opened(settings, patience=0) as services:
        follows = [each for name, each in services.follows.items() if _meant(name, indexes)]
        if not follows or len(follows) < len(set(indexes or ())):
            raise BadSetting("no such index follows; set `follow` under its [index.…]")
        for each in follows:
            try:
                await (_ask(each, report) if dry_run else _catch_up(each, report))
            except Error as e:
                well = False
                report.tell(Failed(index=each.index, error=str(e)))
    return well


async def _ask(follow: Follow, report: Report) -> None:
    """Tell of every step that is still to be done."""
    found = {each.index: each for each in await follow.pursuits.all()}
    at = found[follow.index].position
    while True:
        stretch = await follow.told(at)
        for step in stretch.steps:
            report.tell(_missing(follow.index, step))
        at = stretch.reached
        if at.serial == stretch.newest:
            return


async def _catch_up(follow: Follow, report: Report) -> None:
    def done(steps: Sequence[Told]) -> None:
        sizes = [step.upload.size for step in steps if step.upload is not None]
        amount = Amount(files=len(sizes), size=sum(sizes))
        report.expect(amount)
        report.done(amount)

    async with AsyncExitStack() as stack:
        if not await follow.alone(stack):
            raise Follows(f"a server that runs on this machine follows {follow.primary.url}")
        stretch = await follow.catch_up(done)
    if stretch is None:
        raise Follows("it was promoted, or another node follows: see `cloche follow --status`")
    serial = stretch.reached.serial
    report.tell(Level(index=follow.index, url=follow.primary.url, serial=serial))


def _missing(index: str, step: Told) -> Missing:
    return Missing(
        index=index,
        serial=step.serial,
        at=step.at,
        who=step.who,
        action=step.action,
        project=step.project,
        what=step.filename or step.version,
    )


def _meant(index: str, indexes: list[str] | None) -> bool:
    return not indexes or index in indexes


def _state(pursuit: Pursuit) -> str:
    if pursuit.promoted_at is not None:
        return f"promoted by {pursuit.promoted_by}"
    if pursuit.trouble:
        return "in trouble"
    return "begins" if pursuit.position is None else "behind" if pursuit.behind else "level"


def _told(pursuit: Pursuit) -> dict[str, object]:
    own = msgspec.structs.asdict(pursuit)
    return {**own, "state": _state(pursuit), "behind": pursuit.behind}


def _cells(pursuit: Pursuit) -> list[str]:
    return [
        pursuit.index,
        pursuit.url,
        _state(pursuit),
        str(pursuit.behind),
        instant(pursuit.level_at),
        instant(pursuit.contact_at),
        pursuit.trouble or "",
    ]


def instant(at: datetime | None) -> str:
    return "never" if at is None else at.astimezone(UTC).isoformat(timespec="seconds")
