"""`cloche yank`: keep installers from choosing a version or a file (PEP 592)."""

from typing import Annotated

import typer

from cloche.cli._managing import Desk, tell
from cloche.cli._options import Config, Data, InIndex, Why
from cloche.cli._who import operator

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def yank(
    project: Annotated[str, typer.Argument(help="The project's name.")],
    what: Annotated[str, typer.Argument(help="A version, or the name of one file.")],
    *,
    reason: Why = "",
    index: InIndex = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Keep installers from choosing a version or a file, unless it is pinned exactly.

    It may be an upload, or an upstream's: that is yanked in this index only.
    """
    desk = Desk(config, data, index)
    part = desk.part(project, what)
    tell("yanked", desk.do(lambda services: services.steward.yank(part, operator(), reason)))
