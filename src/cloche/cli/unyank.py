"""`cloche unyank`: let installers choose a version or a file again."""

from typing import Annotated

import typer

from cloche.cli._managing import Desk, tell
from cloche.cli._options import Config, Data, InIndex, Why
from cloche.cli._who import operator

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def unyank(
    project: Annotated[str, typer.Argument(help="The project's name.")],
    what: Annotated[str, typer.Argument(help="A version, or the name of one file.")],
    *,
    reason: Why = "",
    index: InIndex = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Let installers choose a version or a file again.

    It may be an upstream that has it yanked: then it is held to be good in this index only.
    """
    desk = Desk(config, data, index)
    part = desk.part(project, what)
    tell("unyanked", desk.do(lambda services: services.steward.unyank(part, operator(), reason)))
