"""`cloche config`: look at the settings without starting anything."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import tomli_w
import typer

from cloche.app.handing import open_handing
from cloche.app.opening import check_store, open_attestor, open_logins, open_upstreams, utc_now
from cloche.cli._options import Config, Data
from cloche.cli._shown import public
from cloche.config import Settings, load
from cloche.config.bandersnatch import translate
from cloche.core.errors import BadSetting

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

SECRETS = frozenset({"password", "secret", "secret_access_key"})


@app.callback()
def group() -> None:
    """Look at the settings, without starting anything."""


@app.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The same as --config FILE.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Check the file and the CLOCHE_ variables, and say what they come to."""
    settings = load(file or config, data)
    open_upstreams(settings)
    open_logins(settings, utc_now)
    check_store(settings)
    open_handing(settings)
    open_attestor(settings)
    if as_json:
        shown = _hidden(msgspec.to_builtins(settings, enc_hook=str))
        sys.stdout.write(msgspec.json.encode(shown).decode() + "\n")
        return
    print("\n".join(_lines(settings)))


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="BANDERSNATCH.CONF", help="The file to read.")],
    *,
    index: Annotated[str, typer.Option(metavar="NAME", help="Of the index that is made.")] = "main",
) -> None:
    """Print what bandersnatch's settings come to as a cloche.toml: its filters are rules here."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as e:
        raise BadSetting(f"{file} cannot be read: {e}") from None
    found = translate(text, index)
    for note in found.notes:
        print(f"# {note}")
    print(tomli_w.dumps(found.tables), end="")


def _lines(settings: Settings) -> list[str]:
    server = settings.server
    lines = [
        "ok",
        f"data      {settings.data.absolute()}",
        f"database  {public(settings.database_url)}",
        f"blobs     {public(settings.blobs_url)}",
        f"listens   {server.host}:{server.port}, {server.workers} worker(s)",
    ]
    for name, upstream in settings.upstreams.items():
        lines.append(f"upstream  {name}: {upstream.kind}, {public(upstream.own.url)}")
    for kind, login in settings.logins.items():
        lines.append(f"login     {kind}: may {', '.join(login.can)} in {', '.join(login.indexes)}")
    lines += [
        f"webhook   {hook.name}: {_host(hook.url)}, of {', '.join(hook.events)}"
        for hook in settings.webhooks
    ]
    for index in settings.indexes.values():
        reads = index.read if isinstance(index.read, str) else ", ".join(index.read)
        facts = [f"read by {reads}", "takes uploads" if index.uploads else "takes no uploads"]
        facts += [f"then {' then '.join(index.sources)}"] if index.sources else []
        facts += [f"merges {index.merge}"] if index.merge else []
        facts += [f"fallthrough {index.fallthrough}"] if index.fallthrough != "cache" else []
        lines.append(f"index     {index.name}{' (default)' * index.default}: {', '.join(facts)}")
        for route in index.routes:
            to = " then ".join(route.sources) or "nothing but own uploads"
            lines.append(f"          {route.projects}: {to}")
    return lines


def _host(url: str) -> str:
    """Without its path: many a webhook has its secret there."""
    return public(url).partition("://")[2].partition("/")[0].removeprefix("***@")


def _hidden(value: object) -> object:
    if isinstance(value, dict):
        return {
            key: "***" if key in SECRETS and inner else _hidden(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_hidden(inner) for inner in value]
    return public(value) if isinstance(value, str) else value
