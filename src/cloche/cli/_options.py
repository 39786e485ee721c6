"""Options that several commands share."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from cloche import logs
from cloche.config import Settings, load
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

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Events = Annotated[bool, typer.Option("--json", help="Print each event as JSON, one a line.")]


def begin(
    config: Path | None, data: Path | None, flags: Mapping[str, str | None] | None = None
) -> Settings:
    """Load the settings. What goes wrong the command says itself, and the log only what it must.

    An upstream that is down is told where it matters, and on standard output never.
    """
    settings = load(config, data, flags)
    logs.configure(as_json=settings.server.log == "json", level=logging.ERROR)
    return settings


def check_index(settings: Settings, name: str, config: Path | None) -> None:
    """Raise BadSetting when there is no such index."""
    if name not in settings.indexes:
        hint = "" if config else "; give the server's file with --config if it has one"
        raise BadSetting(f"no index {name!r}; known are {', '.join(settings.indexes)}{hint}")
