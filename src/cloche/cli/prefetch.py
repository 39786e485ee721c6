"""`cloche prefetch`: bring what requirements and lock files name, before anybody asks for it."""

import asyncio
import logging
import sys
from contextlib import aclosing
from typing import Annotated

import typer

from cloche import logs
from cloche.app.application import LEFTOVER
from cloche.app.opening import this_platform
from cloche.app.services import opened
from cloche.cli._options import Config, Data, check_index
from cloche.cli._telling import Tally, Teller, teller
from cloche.config import DEFAULT_UPSTREAM, Settings, load
from cloche.core.choosing import Rules
from cloche.core.targets import targets
from cloche.core.wants import Wants
from cloche.service.gather import Event, Lacked
from cloche.wanted import read

app = typer.Typer(add_completion=False, rich_markup_mode=None)

JOBS = 8


@app.command()
def prefetch(  # noqa: PLR0913 - each option is an argument
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="requirements.txt, pylock.toml, uv.lock, poetry.lock, pdm.lock, Pipfile.lock; "
            "- reads requirements from standard input.",
        ),
    ],
    *,
    index: Annotated[
        str | None, typer.Option(metavar="NAME", help="Index to read. [default: the default one]")
    ] = None,
    platform: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TAG",
            help="Platform to choose wheels for, such as manylinux_2_28_x86_64, "
            "macosx_14_0_arm64 or win_amd64; can be given more than once.",
        ),
    ] = None,
    python: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VERSION",
            help="Python to choose for, such as 3.12; can be given more than once.",
        ),
    ] = None,
    implementation: Annotated[
        str, typer.Option(metavar="cp|pp|py", help="Its implementation. [default: cp]")
    ] = "",
    abi: Annotated[
        list[str] | None,
        typer.Option(metavar="TAG", help="Its ABI, such as cp313t; can be given more than once."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every file of a version, whatever it runs on.")
    ] = False,
    no_sdists: Annotated[
        bool, typer.Option("--no-sdists", help="No sdist where a wheel will do.")
    ] = False,
    pre: Annotated[
        bool, typer.Option("--pre", help="Where a version is to be chosen: prereleases too.")
    ] = False,
    jobs: Annotated[
        int, typer.Option(min=1, max=64, metavar="N", help="Pages or files at once.")
    ] = JOBS,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each event as JSON, one a line.")
    ] = False,
    upstream: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Simple index to fall through to, in place of PyPI."),
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Fetch the files that FILEs name, or that match what they require.

    Exit code 1 if something could not be had; what that is, and why, is said at the end.
    """
    settings = load(config, data, {f"upstream.{DEFAULT_UPSTREAM}.url": upstream})
    chosen_index = index or settings.default_index.name
    check_index(settings, chosen_index, config)
    wants = read(files)
    chosen = targets(
        this_platform(),
        platforms=platform or (),
        pythons=python or (),
        implementation=implementation,
        abis=abi or (),
    )
    rules = Rules(
        targets=chosen,
        prereleases=pre or wants.prereleases,
        everything=everything,
        sdists=not no_sdists,
    )
    # What goes wrong is told at the end; a log would tell it twice, and through the bar.
    logs.configure(as_json=settings.server.log == "json", level=logging.ERROR)
    with teller(as_json=as_json) as told:
        tally = _run(settings, chosen_index, wants, rules, jobs, told)
    told.end(tally)
    if tally.lacked:
        raise typer.Exit(1)


def _run(
    settings: Settings, index: str, wants: Wants, rules: Rules, jobs: int, told: Teller
) -> Tally:
    tally = Tally()

    def tell(event: Event) -> None:
        tally.add(event)
        told.tell(event)

    for left in wants.left:
        tell(Lacked(left.says, None, left.why))

    async def bring() -> None:
        async with opened(settings, patience=LEFTOVER) as services:
            bringing = services.gather.bring(index, wants.wants, rules, jobs=jobs)
            async with aclosing(bringing) as events:
                async for event in events:
                    tell(event)

    try:
        asyncio.run(bring())
    except KeyboardInterrupt:
        print("cloche: stopped; what has come is kept, run it again to go on", file=sys.stderr)
        raise typer.Exit(130) from None
    return tally
