"""`cloche status`: what may be expected of a project (PEP 792)."""

from typing import Annotated

import typer

from cloche.app.services import Services
from cloche.cli._managing import Desk
from cloche.cli._options import Config, Data, InIndex, Why
from cloche.cli._who import operator
from cloche.core.errors import BadSetting
from cloche.core.model import Status, project_name

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def status(
    project: Annotated[str, typer.Argument(help="The project's name.")],
    status: Annotated[
        Status | None,
        typer.Argument(metavar="STATUS", help=f"Its new status: {', '.join(Status)}."),
    ] = None,
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Leave it to the upstream.")] = False,
    reason: Why = "",
    index: InIndex = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Show or set what may be expected of a project, uploaded or an upstream's, in one index.

    An archived one takes no uploads; a quarantined one offers no files either.
    """
    if remove and status:
        raise BadSetting("give a status or --remove, not both")
    desk, name = Desk(config, data, index), project_name(project)

    async def work(services: Services) -> str:
        # What was done is not told by another look, which a source that is down would fail.
        if status:
            await services.steward.declare(desk.index, name, status, operator(), reason)
            return _said(status, reason.strip())
        if remove:
            await services.steward.undeclare(desk.index, name, operator(), reason)
            return "left to the source"
        page = (await services.view.project(desk.index, name)).page
        return _said(page.status, page.status_reason)

    print(desk.do(work))


def _said(status: str, reason: str | None) -> str:
    return f"{status}: {reason}" if reason else status
