"""`cloche journal`: who did what to a project, when and why."""

import sys
from datetime import UTC
from typing import Annotated, Any

import msgspec
import typer

from cloche.cli._managing import Desk
from cloche.cli._options import Config, Data, InIndex, Json
from cloche.cli._shown import table
from cloche.core.model import project_name
from cloche.ports import Entry

app = typer.Typer(add_completion=False, rich_markup_mode=None)

HEAD = ["serial", "at", "who", "action", "what", "detail"]


@app.command()
def journal(
    project: Annotated[str, typer.Argument(help="The project's name.")],
    *,
    since: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, metavar="SERIAL", help="Only what came after it.")
    ] = 0,
    limit: Annotated[
        int, typer.Option(min=1, max=100_000, metavar="N", help="At most so many entries.")
    ] = 1000,
    as_json: Json = False,
    index: InIndex = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """List what was done to a project in an index, the oldest first."""
    desk, name = Desk(config, data, index), project_name(project)
    found = desk.do(lambda services: services.steward.journal(desk.index, name, since, limit))
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return
    for line in table([HEAD, *map(_cells, found)]):
        print(line)


def _cells(entry: Entry) -> list[str]:
    return [
        str(entry.serial),
        entry.at.astimezone(UTC).isoformat(timespec="seconds"),
        entry.who,
        entry.action,
        entry.filename or entry.version or "",
        ", ".join(f"{key}: {_text(value)}" for key, value in entry.detail.items()),
    ]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
