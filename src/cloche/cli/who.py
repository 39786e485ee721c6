"""`cloche who`: who fetched a file, when, from where, with which client."""

import re
import sys
from datetime import UTC
from typing import Annotated

import msgspec
import typer

from cloche.cli._managing import Desk
from cloche.cli._options import Config, Data, Json
from cloche.cli._shown import table
from cloche.config import Settings
from cloche.core import marks
from cloche.core.admitting import instant
from cloche.core.errors import BadName
from cloche.core.filenames import parse
from cloche.core.model import Digest, project_name
from cloche.ports import Fetched, Sought

app = typer.Typer(add_completion=False, rich_markup_mode=None)

HEAD = ["at", "who", "from", "client", "index", "file"]
_HASH = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})\Z")


@app.command()
def who(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT", help="A filename, a sha256, or PROJECT, or PROJECT==VERSION."
        ),
    ],
    *,
    since: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Only since this day or time; UTC unless it says else."),
    ] = None,
    index: Annotated[
        str | None,
        typer.Option("--index", metavar="NAME", help="Only from this index. [default: all]"),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=1_000_000, metavar="N", help="At most so many, the newest.")
    ] = 1000,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """List who fetched a file, the newest first, as the access journal has it.

    Exit code 1 if nobody did.
    """
    desk = Desk(config, data, index)
    sought = msgspec.structs.replace(
        meant(what), index=index, since=None if since is None else instant(since)
    )
    found = desk.do(lambda services: services.accesses.find(sought, limit))
    if as_json:
        sys.stdout.write(msgspec.json.encode([each.fetched for each in found]).decode() + "\n")
    elif found:
        print("\n".join(table([HEAD, *(_cells(each.fetched) for each in found)])))
    if not found:
        print(f"cloche: {_nobody(what, desk.settings)}", file=sys.stderr)
        raise typer.Exit(1)


def _nobody(what: str, settings: Settings) -> str:
    if not settings.access.journal:
        return (
            f"nobody is known to have fetched {what}, as [access] has journal = false; set it to "
            "true to have it written down from now on"
        )
    return (
        f"nobody is known to have fetched {what}: the access journal, which keeps "
        f"{settings.access.days:g} days, has no such entry; check the name"
    )


def meant(what: str) -> Sought:
    """What is looked for. Raise BadName when it is nothing that there could be."""
    if found := _HASH.match(what):
        return Sought(digest=Digest(found[1].lower()))
    name, pinned, version = what.partition("==")
    if pinned:
        return Sought(project=project_name(name.strip()), version=marks.version(version))
    try:
        parse(what)
    except BadName:
        return Sought(project=project_name(what))
    return Sought(filename=what)


def _cells(fetched: Fetched) -> list[str]:
    return [
        fetched.at.astimezone(UTC).isoformat(timespec="seconds"),
        fetched.who or "-",
        fetched.address or "-",
        fetched.client,
        fetched.index,
        fetched.filename,
    ]
