"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder for everything that is kept. [default: cloche-data]"),
]
Config = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Settings in TOML; see docs/reference/configuration.md."),
]
