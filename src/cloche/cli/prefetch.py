"""`cloche prefetch`: bring what requirements and lock files name, before anybody asks for it."""

import asyncio
from contextlib import aclosing
from typing import Annotated

import typer

from cloche.app.patience import LEFTOVER
from cloche.app.services import opened
from cloche.cli._choosing import (
    JOBS,
    Abis,
    Choosing,
    Everything,
    FromUpstream,
    Implementation,
    NoSdists,
    Platforms,
    Pre,
    Pythons,
    opening,
)
from cloche.cli._options import Config, Data, Events
from cloche.cli._prefetching import Tally
from cloche.cli._progress import reporting, stoppable
from cloche.config import Settings
from cloche.core.choosing import Rules
from cloche.core.wants import Wants
from cloche.service.gather import Lacked
from cloche.wanted import read

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...",
        help="requirements.txt, pylock.toml, uv.lock, poetry.lock, pdm.lock, Pipfile.lock; "
        "- reads requirements from standard input.",
    ),
]
Index = Annotated[
    str | None, typer.Option(metavar="NAME", help="Index to read. [default: the default one]")
]
Jobs = Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Pages or files at once.")]


@app.command()
def prefetch(  # noqa: PLR0913 - each option is an argument
    files: Files,
    *,
    index: Index = None,
    platform: Platforms = None,
    python: Pythons = None,
    implementation: Implementation = "",
    abi: Abis = None,
    everything: Everything = False,
    no_sdists: NoSdists = False,
    pre: Pre = False,
    jobs: Jobs = JOBS,
    as_json: Events = False,
    upstream: FromUpstream = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Fetch the files that FILEs name, or that match what they require.

    Exit code 1 if something could not be had; what that is, and why, is said at the end.
    """
    settings, chosen = opening(config, data, upstream, index)
    wants = read(files)
    choosing = Choosing(
        platforms=platform,
        pythons=python,
        implementation=implementation,
        abis=abi,
        everything=everything,
        no_sdists=no_sdists,
        pre=pre,
    )
    with reporting(as_json=as_json) as report:
        tally = Tally(report)
        _run(settings, chosen, wants, choosing.rules(wants), jobs, tally)
        tally.end()
    if tally.lacked:
        raise typer.Exit(1)


def _run(
    settings: Settings, index: str, wants: Wants, rules: Rules, jobs: int, tally: Tally
) -> None:
    for left in wants.left:
        tally.tell(Lacked(left.says, None, left.why))

    async def bring() -> None:
        async with opened(settings, patience=LEFTOVER) as services:
            bringing = services.gather.bring(index, wants.wants, rules, jobs=jobs)
            async with aclosing(bringing) as events:
                async for event in events:
                    tally.tell(event)

    with stoppable("what has come is kept, run it again to go on"):
        asyncio.run(bring())
