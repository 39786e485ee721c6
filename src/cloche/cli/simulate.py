"""`cloche simulate`: what another policy would withhold of what is used, before it does."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cloche.app.opening import this_platform
from cloche.app.services import Services, side_by_side
from cloche.cli._options import Config, Data, Json, begin, check_index
from cloche.cli._shown import table
from cloche.config import Settings, load
from cloche.core.admitting import instant
from cloche.core.choosing import Rules
from cloche.core.errors import BadSetting
from cloche.core.targets import targets
from cloche.core.wants import Wants
from cloche.ports import Used
from cloche.service.simulate import Change, Comparison, Side, Simulate, uses
from cloche.wanted import read

app = typer.Typer(add_completion=False, rich_markup_mode=None)

HEAD = ["file", "now", "then", "why"]

Against = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="The settings in force. [default: the same, without its rules]"
    ),
]
Locks = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE", help="What is used: a lock file; can be given more than once."),
]
Requirements = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE", help="What is used: a requirements file; the same."),
]
Since = Annotated[
    str | None,
    typer.Option(metavar="DATE", help="What is used: all that was fetched since that day."),
]
Index = Annotated[
    str | None, typer.Option("--index", metavar="NAME", help="[default: the default index]")
]
Refresh = Annotated[
    bool, typer.Option("--refresh", help="Ask upstreams, in place of what is kept of them.")
]


@app.command()
def simulate(  # noqa: PLR0913 - each option is an argument
    *,
    config: Config = None,
    against: Against = None,
    lock: Locks = None,
    requirements: Requirements = None,
    since: Since = None,
    index: Index = None,
    refresh: Refresh = False,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Say what --config would newly withhold, and newly offer, of what is used.

    Exit code 1 if anything that is used would be withheld, or that cannot be told.
    """
    then = begin(config, data)
    now = load(against, data) if against else unruled(then)
    name = index or then.default_index.name
    check_index(then, name, config)
    check_index(now, name, against or config)
    files = [*(lock or ()), *(requirements or ())]
    if not files and since is None:
        raise BadSetting("say what is used: --lock FILE, --requirements FILE, or --since DATE")
    wants = read(files) if files else Wants()
    both = [each if refresh else offline(each) for each in (now, then)]
    found = asyncio.run(_compared(both, name, wants, since))
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        print("\n".join(_lines(found, wants)))
    if any(each.harms for each in found) or wants.left:
        raise typer.Exit(1)


def unruled(settings: Settings) -> Settings:
    """The same settings, without the rules of any index."""
    indexes = {
        name: msgspec.structs.replace(index, clauses=()) for name, index in settings.indexes.items()
    }
    return msgspec.structs.replace(settings, indexes=indexes)


def offline(settings: Settings) -> Settings:
    """The same settings, by which nobody is asked."""
    server = msgspec.structs.replace(settings.server, offline=True)
    return msgspec.structs.replace(settings, server=server)


async def _compared(
    both: Sequence[Settings], index: str, wants: Wants, since: str | None
) -> list[Comparison]:
    rules = Rules(targets=targets(this_platform()), prereleases=wants.prereleases, everything=True)
    async with side_by_side(*both, patience=0) as (now, then):
        fetched: list[Used] = []
        if since is not None:
            fetched = await now.accesses.used(index, instant(since))
        simulated = Simulate(_side(now), _side(then), rules)
        return [await simulated.compare(index, each) for each in uses(wants.wants, fetched)]


def _side(services: Services) -> Side:
    return Side(services.explain, services.shelf)


def _lines(found: Sequence[Comparison], wants: Wants) -> list[str]:
    changes = [each for one in found for each in one.changes]
    used = [each for each in changes if each.used]
    lines = [*table([HEAD, *map(_cells, used)]), ""] if used else []
    lines += [f"unknown  {one.project}: {_line(one.unknown)}" for one in found if one.unknown]
    lines += [f"unknown  {_line(left.says)}: {_line(left.why)}" for left in wants.left]
    worse, other = [each for each in used if each.worse], [c for c in changes if not c.used]
    lines.append(
        f"{sum(one.used for one in found)} files of {len(found)} projects are used: "
        f"{len(worse)} would be withheld, {len(used) - len(worse)} newly offered"
    )
    lines.append(
        f"of other files of these projects {sum(c.worse for c in other)} would be withheld, "
        f"{sum(not c.worse for c in other)} newly offered"
    )
    return lines


def _cells(change: Change) -> list[str]:
    said = [change.note] if change.note else []
    said += [f"{each.rule}: {each.reason}" for each in change.reasons if each.lifted is None]
    return [change.filename, change.before or "-", change.after or "-", "; ".join(said)]


def _line(text: str) -> str:
    return " ".join(text.split())
