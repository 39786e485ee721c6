"""`cloche bundle`: carry an index to a server that no network reaches."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from cloche.app.opening import this_platform
from cloche.app.services import opened
from cloche.bundles import keys
from cloche.bundles.archive import Archive
from cloche.bundles.keys import Signer, public_key
from cloche.bundles.parts import found
from cloche.bundles.writing import Bench
from cloche.cli._bundle_applying import Delivery, check, upstream_of
from cloche.cli._bundle_making import Order, base_of, make
from cloche.cli._bundle_told import Lacking, as_text, checked, run
from cloche.cli._options import Config, Data, Events, begin, check_index
from cloche.cli._progress import reporting
from cloche.cli._who import operator
from cloche.config import Settings
from cloche.core.bundles import Mark
from cloche.core.choosing import Rules
from cloche.core.errors import BadName, BadSetting
from cloche.core.quantities import byte_count
from cloche.core.targets import targets
from cloche.service.lacks import Lacks
from cloche.wanted import read

app = typer.Typer(
    help="Carry an index to a server that no network reaches.",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
)
key_app = typer.Typer(
    help="Keys that sign bundles.",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
)
app.add_typer(key_app, name="key")

Files = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="The bundle, or all of its parts.")
]
Trust = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PUBKEY", help="Public key of whom to trust; can be given more than once."
    ),
]
Unsigned = Annotated[
    bool, typer.Option("--allow-unsigned", help="Take it whoever signed it, or nobody.")
]
Index = Annotated[
    str | None, typer.Option(metavar="NAME", help="Index to carry. [default: the default one]")
]
AsOf = Annotated[
    str | None,
    typer.Option(metavar="WHEN", help="A date, an instant, a serial or a snapshot. [default: now]"),
]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="BUNDLE|MARK", help="What the other side has: only what is new is carried."
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--requirements",
        "--lock",
        "--lacking",
        metavar="FILE",
        help="Only what this file names; can be given more than once.",
    ),
]
Split = Annotated[
    str | None, typer.Option(metavar="SIZE", help="Parts of at most so much, such as 4 GiB.")
]
Key = Annotated[Path | None, typer.Option(metavar="KEY", help="Private key to sign it with.")]
To = Annotated[
    str | None,
    typer.Option("--to", metavar="UPSTREAM", help='Upstream of kind "bundle". [default: the one]'),
]


@key_app.command("create")
def create_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the private key goes.")],
) -> None:
    """Make a key pair: the private key goes to FILE, the public one is printed."""
    print(Signer.create(file).public)


@app.command()
def create(  # noqa: PLR0913 - each option is an argument
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The bundle to make.")],
    *,
    index: Index = None,
    as_of: AsOf = None,
    since: Since = None,
    requirements: Only = None,
    split: Split = None,
    key: Key = None,
    as_json: Events = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a bundle of all that an index shows at a moment. What is not kept yet is fetched.

    Exit code 1 if something could not be had; what that is, and why, is said at the end.
    """
    settings = begin(config, data)
    chosen = index or settings.default_index.name
    check_index(settings, chosen, config)
    bench, size = _bench(file, split)
    order = Order(
        settings=settings,
        index=chosen,
        as_of=as_of,
        base=base_of(since, settings) if since else None,
        wants=read(requirements) if requirements else None,
        signer=Signer.load(key) if key else None,
    )
    if not _created(order, bench, size, as_json=as_json):
        raise typer.Exit(1)


def _created(order: Order, bench: Bench, split: int | None, *, as_json: bool) -> bool:
    """Make it, and say what is not in it; whether it has all that it should."""
    left = order.wants.left if order.wants else ()
    with reporting(as_json=as_json) as report:
        with bench.opened(order.asked(split)):
            stays = "what is made stays, run it again to go on"
            made, lacked = run(make(order, bench, report), stays)
        for each in left:
            report.tell(Lacking(each.project or each.says, None, each.why))
        for one in lacked:
            report.tell(Lacking(one.project, one.filename, one.why))
        report.tell(made)
    if order.signer is None:
        print("cloche: it is not signed; see `cloche bundle key create`", file=sys.stderr)
    return not lacked and not left


@app.command()
def verify(
    files: Files, *, trust: Trust = None, allow_unsigned: Unsigned = False, as_json: Events = False
) -> None:
    """Read a bundle to its end, and check its signature and every byte. Nothing is applied."""

    async def work() -> None:
        archive = _trusted(files, trust or (), unsigned=allow_unsigned)
        with reporting(as_json=as_json) as report:
            await check(archive, report)
            report.tell(checked(archive))

    run(work(), "nothing was changed, run it again")


@app.command()
def apply(  # noqa: PLR0913 - each option is an argument
    files: Files,
    *,
    to: To = None,
    trust: Trust = None,
    allow_unsigned: Unsigned = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Also an older one, or one of another index, than before."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")
    ] = False,
    as_json: Events = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Show what a bundle brings, all at once, after every byte of it was checked.

    Exit code 1 if it is refused; then nothing has changed.
    """
    settings = begin(config, data)
    upstream = upstream_of(settings, to)

    async def work() -> None:
        trusted = [*settings.upstreams[upstream].own.trust, *(trust or ())]
        archive = _trusted(files, trusted, unsigned=allow_unsigned)
        delivery = Delivery(settings, upstream, archive, replace, operator())
        with reporting(as_json=as_json) as report:
            report.tell(await delivery.apply(report, dry_run=dry_run))

    run(work(), "nothing shows yet, run it again to go on")


@app.command()
def mark(*, to: To = None, data: Data = None, config: Config = None) -> None:
    """Print what was applied last: what `cloche bundle create --since` wants to know."""
    settings = begin(config, data)
    upstream = upstream_of(settings, to)
    found = asyncio.run(_mark(settings, upstream))
    if found is None:
        raise BadSetting(f"no bundle was applied to {upstream} yet; make a whole one for it")
    sys.stdout.write(as_text(found))


@app.command()
def lacks(
    *,
    requirements: Annotated[
        list[str],
        typer.Option(
            "--requirements", "--lock", metavar="FILE", help="What is needed; more than once."
        ),
    ],
    index: Annotated[
        str | None, typer.Option(metavar="NAME", help="Index to look at. [default: default one]")
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Print what lock files name that is not here, as `cloche bundle create --lacking` takes it.

    Exit code 1 if anything is lacking; why is said on standard error.
    """
    settings = begin(config, data)
    chosen = index or settings.default_index.name
    check_index(settings, chosen, config)
    wants = read(requirements)
    rules = Rules(targets=targets(this_platform()), prereleases=wants.prereleases)

    async def look() -> int:
        count = 0
        async with opened(settings, patience=0) as services:
            lacking = Lacks(services.shelf, services.files)
            async for line, why in lacking.of(chosen, wants.wants, rules):
                print(line)
                print(f"cloche: {why}", file=sys.stderr)
                count += 1
        return count

    if run(look(), "nothing was changed, run it again"):
        raise typer.Exit(1)


def _bench(file: Path, split: str | None) -> tuple[Bench, int | None]:
    try:
        size = byte_count(split) if split else None
    except BadName as e:
        raise BadSetting(f"--split: {e}") from None
    return Bench(file.absolute(), size), size


def _trusted(files: list[Path], trust: list[str] | tuple[str, ...], *, unsigned: bool) -> Archive:
    """Raise BadBundle unless it is signed by whom we trust; BadSetting when it is not there."""
    archive = Archive(found(files))
    trusted = {public_key(each) for each in trust}
    keys.check(archive.raw, archive.sealed, trusted, unsigned=unsigned)
    return archive


async def _mark(settings: Settings, upstream: str) -> Mark | None:
    async with opened(settings, patience=0) as services:
        return await services.unpack.carried.mark(upstream)
