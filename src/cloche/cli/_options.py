"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from cloche.config import Settings
from cloche.core.errors import BadSetting

Data = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder for everything that is kept. [default: cloche-data]"),
]
Config = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Settings in TOML; see docs/reference/configuration.md."),
]
InIndex = Annotated[
    str | None,
    typer.Option("--index", metavar="NAME", help="Index it is in. [default: the default index]"),
]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for people: one line.")]


def check_index(settings: Settings, name: str, config: Path | None) -> None:
    """Raise BadSetting when there is no such index."""
    if name not in settings.indexes:
        hint = "" if config else "; give the server's file with --config if it has one"
        raise BadSetting(f"no index {name!r}; known are {', '.join(settings.indexes)}{hint}")
