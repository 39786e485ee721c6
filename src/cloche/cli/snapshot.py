"""`cloche snapshot`: give moments a name, so that what was there then is kept."""

import sys
from datetime import UTC
from typing import Annotated

import msgspec
import typer

from cloche.cli._managing import Desk
from cloche.cli._options import Config, Data, InIndex, Json, Why
from cloche.cli._shown import table
from cloche.cli._who import operator
from cloche.ports import Snapshot

app = typer.Typer(
    help="Name moments of an index, so that what was there then is kept.",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
)

HEAD = ["name", "index", "serial", "at", "made at", "by"]

Name = Annotated[str, typer.Argument(help="What the moment is called in /as-of/NAME/.")]


@app.command()
def create(
    name: Name,
    *,
    at: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="A date, an instant, or a serial. [default: now]"),
    ] = None,
    reason: Why = "",
    index: InIndex = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Name a moment of an index. Files that are deleted later stay in it."""
    desk = Desk(config, data, index)
    made = desk.do(
        lambda services: services.naming.create(desk.index, name, operator(), reason, at)
    )
    print(made.serial)
    print(f"{name} is index {made.index} at {_instant(made)}", file=sys.stderr)


@app.command("list")
def list_(
    *,
    as_json: Json = False,
    index: Annotated[
        str | None, typer.Option("--index", metavar="NAME", help="Of this index only.")
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """List the moments that have a name, in the order in which they were named."""
    found = Desk(config, data, index).do(lambda services: services.naming.named(index))
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return
    for line in table([HEAD, *map(_cells, found)]):
        print(line)


@app.command()
def delete(
    name: Name,
    *,
    reason: Why = "",
    index: InIndex = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Forget a name. What only it has kept may be swept from then on."""
    desk = Desk(config, data, index)
    desk.do(lambda services: services.naming.delete(desk.index, name, operator(), reason))


def _instant(made: Snapshot) -> str:
    return made.at.astimezone(UTC).isoformat(timespec="seconds")


def _cells(each: Snapshot) -> list[str]:
    made_at = each.made_at.astimezone(UTC).isoformat(timespec="seconds")
    return [each.name, each.index, str(each.serial), _instant(each), made_at, each.made_by]
