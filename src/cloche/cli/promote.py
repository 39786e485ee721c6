"""`cloche promote`: make an index its own master that followed another server's."""

import asyncio
import sys
from typing import Annotated

import msgspec
import typer

from cloche.app.opening import utc_now
from cloche.app.services import Services, opened
from cloche.cli._options import Config, Data, Json, Why, begin, check_index
from cloche.cli._progress import plain
from cloche.cli._who import operator
from cloche.cli.follow import instant
from cloche.config import Settings
from cloche.core import marks
from cloche.core.errors import BadRequest, Error
from cloche.ports import Deed, Pursuit
from cloche.service.follow import Follow

app = typer.Typer(add_completion=False, rich_markup_mode=None)

LAST = 60.0  # seconds for what is still to come


@app.command()
def promote(
    index: Annotated[str, typer.Argument(metavar="INDEX", help="The index.")],
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Even if the server that it follows still answers.")
    ] = False,
    reason: Why = "",
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Have an index take changes of its own, that followed another server's until now.

    It says up to when all that was acknowledged there is here.
    """
    settings = begin(config, data)
    check_index(settings, index, config)
    promoted = asyncio.run(_promote(settings, index, marks.reason(reason), force=force))
    says = _says(promoted)
    if as_json:
        said = {**msgspec.structs.asdict(promoted), "behind": promoted.behind, "says": says}
        sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
    else:
        print(plain(says))


async def _promote(settings: Settings, index: str, reason: str, *, force: bool) -> Pursuit:
    async with opened(settings, patience=0) as services:
        pursuit = await _following(services, index)
        if index in services.follows:
            await _last(services.follows[index], pursuit, force=force)
        deed = Deed(who=operator(), at=utc_now(), reason=reason)
        return await services.pursuits.promote(index, deed)


async def _following(services: Services, index: str) -> Pursuit:
    found = {each.index: each for each in await services.pursuits.all()}
    if index not in found:
        raise BadRequest(f"index {index} follows no other server; nothing is to be done")
    if found[index].promoted_at is not None:
        raise BadRequest(f"index {index} was promoted {instant(found[index].promoted_at)}")
    return found[index]


async def _last(follow: Follow, pursuit: Pursuit, *, force: bool) -> None:
    """Do what can still be done. Raise BadRequest if the other server goes on."""
    try:
        await follow.told(pursuit.position)
    except Error:
        return  # gone, or no longer what was followed
    if not force:
        raise BadRequest(
            f"{pursuit.url} still answers: what is uploaded there from now on would be lost; stop "
            "it first, or promote with --force"
        )
    try:
        async with asyncio.timeout(LAST):
            await follow.catch_up()
    except TimeoutError:
        raise BadRequest(
            f"{pursuit.url} has more than came in {LAST:.0f} s; wait until "
            "`cloche follow --status` says that it is level, and promote then"
        ) from None


def _says(pursuit: Pursuit) -> str:
    name, at = pursuit.index, pursuit.position
    if at is None:
        return f"index {name} takes changes of its own; nothing ever came from {pursuit.url}"
    missing = f"; of {pursuit.behind} entries after that, none is" if pursuit.behind else ""
    return (
        f"index {name} takes changes of its own; all that {pursuit.url} acknowledged before "
        f"{instant(pursuit.level_at)} is here, up to its serial {at.serial}{missing}; last contact "
        f"{instant(pursuit.contact_at)}: what it acknowledged later is unknown here, and "
        f"`cloche follow {name} --dry-run` names it if that server comes back"
    )
