"""Options that say which files of a version are wanted."""

from collections.abc import Sequence
from typing import Annotated

import typer

from cloche.app.opening import this_platform
from cloche.core.choosing import Rules
from cloche.core.targets import targets

Platforms = Annotated[
    list[str] | None,
    typer.Option(
        "--platform",
        metavar="TAG",
        help="Platform to choose wheels for, such as manylinux_2_28_x86_64, "
        "macosx_14_0_arm64 or win_amd64; can be given more than once.",
    ),
]
Pythons = Annotated[
    list[str] | None,
    typer.Option(
        "--python",
        metavar="VERSION",
        help="Python to choose for, such as 3.12; can be given more than once.",
    ),
]
Everything = Annotated[
    bool, typer.Option("--all", help="Every file of a version, whatever it runs on.")
]
NoSdists = Annotated[bool, typer.Option("--no-sdists", help="No sdist where a wheel will do.")]
Pre = Annotated[
    bool, typer.Option("--pre", help="Where a version is to be chosen: prereleases too.")
]


def rules(
    platforms: Sequence[str] | None,
    pythons: Sequence[str] | None,
    *,
    prereleases: bool,
    everything: bool,
    sdists: bool,
) -> Rules:
    """Raise BadName on nonsense."""
    chosen = targets(
        this_platform(),
        platforms=platforms or (),
        pythons=pythons or (),
        implementation="",
        abis=(),
    )
    return Rules(targets=chosen, prereleases=prereleases, everything=everything, sdists=sdists)
