"""`cloche delete`: take uploads away for ever."""

from typing import Annotated

import typer

from cloche.cli._managing import Desk, one_of, tell
from cloche.cli._options import Config, Data, InIndex, Why
from cloche.cli._who import operator

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def delete(
    project: Annotated[str, typer.Argument(help="The project's name.")],
    what: Annotated[str | None, typer.Argument(help="A version, or the name of one file.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All files of the project.")] = False,
    reason: Why = "",
    index: InIndex = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Take uploads away for ever: a file, a version, or with --all a project.

    A filename stays taken by its bytes, and a project's name by its index.
    """
    one_of(what, everything=everything)
    desk = Desk(config, data, index)
    part = desk.part(project, what)
    tell("deleted", desk.do(lambda services: services.steward.delete(part, operator(), reason)))
