"""`cloche admit`: let something past the rules of an index, for a reason and a time."""

import sys
from datetime import UTC
from typing import Annotated

import typer

from cloche.app.opening import utc_now
from cloche.app.services import Services
from cloche.cli._managing import Desk
from cloche.cli._options import Config, Data
from cloche.cli._who import operator
from cloche.core import admitting, marks
from cloche.core.errors import BadSetting

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def admit(  # noqa: PLR0913 - each option is an argument
    index: Annotated[str, typer.Argument(help="The index whose rules would withhold it.")],
    part: Annotated[str, typer.Argument(help="PROJECT, PROJECT==VERSION or a FILENAME.")],
    *,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why, for people: one line.")
    ],
    period: Annotated[
        str | None, typer.Option("--for", metavar="PERIOD", help="For how long: 90m, 12h, 3d, 2w.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help="Until when: a date or time, in UTC.")
    ] = None,
    rule: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only past the rule of this name.")
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="End it before its time.")] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Let a file, a version or a project past the rules of an index, for a time.

    The files that it lets past now go to standard output.
    """
    desk, about = Desk(config, data, index), marks.part(index, part)
    if end:
        if until or period:
            raise BadSetting("--end ends it now; leave --for and --until out")
        desk.do(lambda services: services.admit.end_all(about, operator(), reason, rule))
        print(f"{about} is under the rules of index {index} again", file=sys.stderr)
        return
    ends = admitting.end(until, period, utc_now())

    async def work(services: Services) -> list[str] | None:
        made = await services.admit.admit(about, operator(), reason, ends, rule)
        return await services.admit.lifted(made)

    files = desk.do(work)
    for name in files or ():
        print(name)
    count = "" if files is None else f", {len(files)} file{'s' * (len(files) != 1)} now"
    print(f"admitted until {ends.astimezone(UTC):%Y-%m-%d %H:%M} UTC{count}", file=sys.stderr)
