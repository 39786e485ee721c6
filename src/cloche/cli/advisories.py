"""`cloche advisories`: what is known against versions of projects, and where that comes from."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import msgspec
import typer
from packaging.version import Version

from cloche.app.services import Services, opened
from cloche.cli._options import Config, Data, Json, begin
from cloche.cli._shown import public, table
from cloche.config import Settings
from cloche.core.advisories import Advisory, concerned
from cloche.core.errors import BadSetting
from cloche.core.marks import version as read_version
from cloche.core.model import project_name
from cloche.ports import FeedState
from cloche.service.advisories import Refreshed

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

T = TypeVar("T")

FEEDS = ["feed", "loaded", "checked", "documents", "skipped", "source"]
ADVISORIES = ["id", "score", "aliases", "fixed in", "summary"]


@app.callback()
def group() -> None:
    """What is known against versions of projects, and where that comes from."""


@app.command("list")
def list_(*, as_json: Json = False, data: Data = None, config: Config = None) -> None:
    """List the feeds, and what they came to when they were loaded last."""
    settings = begin(config, data)

    async def work(services: Services) -> dict[str, FeedState | None]:
        return {name: await services.watch.store.feed(name) for name in settings.advisories}

    found = _do(settings, work)
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return
    rows = [_feed(name, state, settings) for name, state in found.items()]
    print("\n".join(table([FEEDS, *rows])))


@app.command()
def refresh(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="Feeds; all if left out.")
    ] = None,
    *,
    data: Data = None,
    config: Config = None,
) -> None:
    """Ask feeds now, whether or not their time has come. A server need not run."""
    settings = begin(config, data)
    chosen = names or list(settings.advisories)

    async def work(services: Services) -> dict[str, Refreshed]:
        for name in chosen:
            _check(name, list(services.watch.subscriptions), settings)
        return {name: await services.watch.refresh(name, now=True) for name in chosen}

    for name, done in _do(settings, work).items():
        print(f"{name}: {done.state.documents} documents, {done.added} new, {done.removed} gone")


@app.command()
def show(
    what: Annotated[str, typer.Argument(metavar="PROJECT", help="A project, or PROJECT==VERSION.")],
    *,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Show what is known against a project, or a version of it."""
    settings = begin(config, data)
    name, _, raw = what.partition("==")
    project, version = project_name(name), Version(read_version(raw)) if raw else None
    feeds = list(settings.advisories)

    async def work(services: Services) -> tuple[Advisory, ...] | None:
        return await services.watch.store.of(feeds, project) if feeds else None

    found = _do(settings, work)
    if found is None:
        raise BadSetting(
            "no advisories have been loaded yet; add a table [advisories.osv] to the settings, "
            "and run `cloche advisories refresh`"
        )
    told = found if version is None else concerned(found, [version]).get(version, ())
    if as_json:
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
        return
    print("\n".join(table([ADVISORIES, *map(_advisory, told)])))


def _do(settings: Settings, work: Callable[[Services], Awaitable[T]]) -> T:
    async def done() -> T:
        async with opened(settings, patience=0) as services:
            return await work(services)

    return asyncio.run(done())


def _check(name: str, known: list[str], settings: Settings) -> None:
    if name not in settings.advisories:
        raise BadSetting(
            f"no feed of advisories {name!r}; known are {', '.join(settings.advisories) or 'none'}"
        )
    if name not in known:
        raise BadSetting(f"the feed {name} is not on this machine, and server.offline is true")


def _feed(name: str, state: FeedState | None, settings: Settings) -> list[str]:
    if state is None:
        return [name, "never", "never", "", "", public(settings.advisories[name].address)]
    facts = [str(state.documents), str(state.skipped), state.source]
    return [name, _time(state.loaded_at), _time(state.checked_at), *facts]


def _advisory(one: Advisory) -> list[str]:
    score = "malware" if one.is_malware else f"{one.score:.1f}" if one.score is not None else "?"
    state = f"withdrawn: {one.summary}" if one.withdrawn else one.summary
    return [one.id, score, ", ".join(one.aliases), ", ".join(one.fixed_in), state]


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
