"""`cloche push`: let a version go on, from one index to another, here or elsewhere."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cloche.app.opening import open_outside
from cloche.app.services import Services
from cloche.cli._managing import Desk
from cloche.cli._options import Config, Data, Json, Why, check_index
from cloche.cli._shown import public
from cloche.cli._who import operator
from cloche.core import marks
from cloche.core.errors import BadSetting
from cloche.core.marks import Part
from cloche.ports import Outside
from cloche.service.promote import Pushed

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Version = Annotated[str, typer.Argument(metavar="PROJECT==VERSION", help="What is to go on.")]
To = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="NAME|URL",
        help="Index that is to have it, or where another takes uploads.",
    ),
]
Source = Annotated[
    str | None,
    typer.Option("--from", metavar="NAME", help="Index that has it. [default: the default]"),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be, and leave all as it is.")
]
Username = Annotated[
    str | None,
    typer.Option(metavar="NAME", envvar="CLOCHE_PUSH_USERNAME", help="User at that address."),
]
Password = Annotated[
    str | None,
    typer.Option(metavar="SECRET", envvar="CLOCHE_PUSH_PASSWORD", help="Its password, or a token."),
]


@app.command()
def push(  # noqa: PLR0913 - each option is an argument
    part: Version,
    *,
    to: To,
    source: Source = None,
    dry_run: DryRun = False,
    username: Username = None,
    password: Password = None,
    reason: Why = "",
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Let all files of a version go on to another index: the same bytes, and their story.

    The names of those that are new there go to standard output.
    """
    desk = Desk(config, data, source)
    about = _version(desk.index, part)
    if "://" in to:
        done = _outside(desk, about, open_outside(to, username, password), dry_run=dry_run)
    elif username or password:
        raise BadSetting("--username and --password are for an address; a name needs neither")
    else:
        done = _inside(desk, about, to, reason, config, dry_run=dry_run)
    if as_json:
        sys.stdout.write(msgspec.json.encode(done).decode() + "\n")
        return
    for name in done.new:
        print(name)
    _say(done, public(to), dry_run=dry_run)


def _inside(
    desk: Desk, about: Part, to: str, reason: str, config: Path | None, *, dry_run: bool
) -> Pushed:
    check_index(desk.settings, to, config)
    target = desk.settings.indexes[to]
    return desk.do(
        lambda services: services.promote.push(about, target, operator(), reason, dry=dry_run)
    )


def _outside(desk: Desk, about: Part, outside: Outside, *, dry_run: bool) -> Pushed:
    async def work(services: Services) -> Pushed:
        try:
            return await services.dispatch.send(about, outside, dry=dry_run)
        finally:
            await outside.close()

    return desk.do(work)


def _version(index: str, raw: str) -> Part:
    part = marks.part(index, raw)
    if part.version is None:
        raise BadSetting(f"{raw!r} names no version; write one such as {part.project}==1.0")
    return part


def _say(done: Pushed, to: str, *, dry_run: bool) -> None:
    verb = "would push" if dry_run else "pushed"
    there = f"; {len(done.there)} there already" if done.there else ""
    print(
        f"{verb} {len(done.new)} file{'s' * (len(done.new) != 1)} to {to}{there}", file=sys.stderr
    )
