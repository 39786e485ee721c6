"""`cloche token`: make, list and revoke credentials. A running server knows at once."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import msgspec
import typer

from cloche.app.opening import open_catalog, utc_now
from cloche.catalog import Catalog
from cloche.cli._options import Config, Data, Json, check_index
from cloche.cli._shown import table
from cloche.cli._who import operator
from cloche.config import load
from cloche.core.access import EVERY_INDEX, Action
from cloche.core.errors import BadSetting
from cloche.logins.tokens import PREFIX, make
from cloche.ports import Token

app = typer.Typer(
    help="Make, list and revoke the tokens that let clients in.",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
)

T = TypeVar("T")


@app.command()
def create(
    *,
    index: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Index it is for; can be given more than once; * is every index."
        ),
    ] = None,
    can: Annotated[
        list[Action] | None,
        typer.Option(
            metavar="read|upload|follow|admin",
            help="What it allows; can be given more than once. [default: read]",
        ),
    ] = None,
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Whose it is: shown in lists and in the journal.")
    ] = "",
    days: Annotated[
        int | None, typer.Option(min=1, max=36500, metavar="N", help="Expires after so many days.")
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Print a new token on standard output, and nothing else. It is not shown again."""
    settings = load(config, data)
    indexes = tuple(index or [settings.default_index.name])
    for each in indexes:
        if each != EVERY_INDEX:
            check_index(settings, each, config)
    now = utc_now()
    expires = now + timedelta(days=days) if days else None
    token, secret = make(name or "token", indexes, tuple(can or [Action.READ]), now, expires)
    if not name:
        token = msgspec.structs.replace(token, name=f"token-{token.id}")
    _with_catalog(config, data, lambda catalog: catalog.tokens.add(token, operator()))
    print(secret)


@app.command("list")
def list_(
    *,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """List all tokens; their secrets are not known here."""
    tokens = _with_catalog(config, data, lambda catalog: catalog.tokens.list())
    rows = [_row(token) for token in tokens]
    if as_json:
        sys.stdout.write(msgspec.json.encode(rows).decode() + "\n")
        return
    for line in table([["id", "name", "indexes", "can", "made", "state"], *map(_cells, rows)]):
        print(line)


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(help="The token's id as `list` shows it, or the token.")],
    *,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a token worthless at once."""
    token_id = token.split("_")[1] if token.startswith(f"{PREFIX}_") else token
    done = _with_catalog(config, data, lambda c: c.tokens.revoke(token_id, utc_now(), operator()))
    if not done:
        raise BadSetting(
            f"no live token has the id {token_id!r}; `cloche token list` shows them all"
        )
    print(f"revoked {token_id}", file=sys.stderr)


def _with_catalog(config: Config, data: Data, work: Callable[[Catalog], Awaitable[T]]) -> T:
    async def run() -> T:
        catalog = open_catalog(load(config, data))
        try:
            return await work(catalog)
        finally:
            await catalog.close()

    return asyncio.run(run())


def _row(token: Token) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "indexes": list(token.indexes),
        "can": [str(action) for action in token.can],
        "made": token.created_at.astimezone(UTC).isoformat(timespec="seconds"),
        "state": _state(token, utc_now()),
    }


def _cells(row: dict[str, object]) -> list[str]:
    return [", ".join(v) if isinstance(v, list) else str(v) for v in row.values()]


def _state(token: Token, now: datetime) -> str:
    if token.revoked_at:
        return "revoked"
    if token.expires_at is None:
        return "live"
    if token.expires_at <= now:
        return "expired"
    return f"live until {token.expires_at.astimezone(UTC):%Y-%m-%d %H:%M}Z"
