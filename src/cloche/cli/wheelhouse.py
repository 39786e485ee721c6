"""`cloche wheelhouse`: build wheels of what only comes as an sdist."""

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import typer

from cloche import builder
from cloche.app.loopback import Loopback
from cloche.app.opening import this_platform, utc_now
from cloche.app.services import opened
from cloche.cli._options import Config, Data, Events, begin, check_index
from cloche.cli._progress import Amount, Event, Report, reporting, stoppable
from cloche.cli._who import operator
from cloche.config import Settings
from cloche.core.errors import BadSetting
from cloche.ports import Builder
from cloche.service.wheelhouse import Order, State, Step, Wheelhouse
from cloche.wanted import read

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Requirements = Annotated[
    list[str],
    typer.Option(
        "-r",
        "--requirement",
        metavar="FILE",
        help="Requirements or lock file; can be given more than once.",
    ),
]
Target = Annotated[
    str, typer.Option("--index", metavar="NAME", help="Index that takes the wheels.")
]
Source = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="NAME",
        help="Index that has the sdists, and what builds them. [default: the default index]",
    ),
]
Pythons = Annotated[
    list[str] | None,
    typer.Option(
        metavar="VERSION|PATH",
        help="Python to build for, such as 3.12; can be given more than once. "
        "[default: the one that runs cloche]",
    ),
]
Tool = Annotated[
    str | None,
    typer.Option("--with", metavar="uv|pip", help="What builds. [default: uv if it is here]"),
]
Variables = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Variable that builds may see, such as CFLAGS; can be given more than once.",
    ),
]
Timeout = Annotated[float, typer.Option(min=1, metavar="SECONDS", help="What one build may take.")]
Jobs = Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Builds at once.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be built, and build nothing.")
]


class Told(Event, frozen=True, kw_only=True, tag="wheel"):
    """What became of one version on one Python."""

    python: str
    what: str
    state: State
    filename: str
    why: str
    log: str

    @property
    def sentence(self) -> str | None:
        if self.state == "wheel":
            return None
        if self.state == "failed":
            return f"failed  {self.what} on Python {self.python}; the end says why"
        return f"{self.state}  {self.filename or self.what}"


class Done(Event, frozen=True, kw_only=True, tag="done"):
    """What the run came to: how many versions of each state."""

    wheel: int = 0
    wanted: int = 0
    here: int = 0
    built: int = 0
    failed: int = 0

    @property
    def sentence(self) -> str:
        wanted = f"{self.wanted} to build, " if self.wanted else ""
        return (
            f"{self.built} built, {wanted}{self.here} here before, "
            f"{self.wheel} with wheels of their own; {self.failed} failed"
        )


@dataclass
class _Tally:
    report: Report
    steps: list[Step] = field(default_factory=list)

    def tell(self, step: Step) -> None:
        self.steps.append(step)
        self.report.expect(Amount(files=1))
        self.report.done(Amount(files=1))
        self.report.tell(
            Told(
                python=step.python,
                what=step.what,
                state=step.state,
                filename=step.filename,
                why=step.why,
                log=step.log,
            )
        )

    def of(self, state: State) -> list[Step]:
        return [step for step in self.steps if step.state == state]

    def done(self) -> Done:
        return Done(
            wheel=len(self.of("wheel")),
            wanted=len(self.of("wanted")),
            here=len(self.of("here")),
            built=len(self.of("built")),
            failed=len(self.of("failed")),
        )


@app.command()
def wheelhouse(  # noqa: PLR0913 - each option is an argument
    *,
    requirements: Requirements,
    index: Target = "wheels",
    source: Source = None,
    python: Pythons = None,
    tool: Tool = None,
    env: Variables = None,
    timeout: Timeout = 1800,
    jobs: Jobs = 1,
    dry_run: DryRun = False,
    as_json: Events = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Build wheels of what FILEs require and only comes as an sdist, and keep them in an index.

    Building runs the code of whoever wrote the sdists. Exit code 1 if anything could not be
    built; what that is, and why, is said at the end.
    """
    settings = begin(config, data)
    chosen = source or settings.default_index.name
    for name in (chosen, index):
        check_index(settings, name, config)
    if tool not in {None, *builder.TOOLS}:
        raise BadSetting(f"--with {tool} is not known; give one of {', '.join(builder.TOOLS)}")
    wants = read(requirements)
    order = Order(
        wants=wants.wants,
        pythons=[builder.interpreter(each) for each in python or (None,)],
        platform=this_platform(),
        source=chosen,
        target=settings.indexes[index],
        who=operator(),
        jobs=jobs,
        dry=dry_run,
    )
    passed = {name: os.environ[name] for name in env or () if name in os.environ}
    made = builder.connect(tool, timeout, passed)
    _warn()
    again = "what was built is kept, run it again to go on"
    with reporting(as_json=as_json) as report, stoppable(again):
        tally = _Tally(report)
        for left in wants.left:
            tally.tell(Step(python="", what=left.says, state="failed", why=left.why))
        asyncio.run(_built(settings, order, made, tally))
        report.tell(tally.done())
    _explain(tally.of("failed"))


async def _built(settings: Settings, order: Order, made: Builder, tally: _Tally) -> None:
    for each in order.pythons:
        await made.name(each)  # what is not there is said before anything is begun
    async with (
        opened(settings, patience=0) as services,
        Loopback(settings, order.source) as guests,
    ):
        house = Wheelhouse(
            services.view,
            services.shelf,
            services.dispatch.goods,
            services.builds,
            services.publish,
            services.dispatch.spool,
            made,
            guests,
            utc_now,
            settings.data / "wheelhouse",
        )
        await house.run(order, tally.tell)


def _warn() -> None:
    if os.geteuid() == 0:
        print(
            "cloche: builds run other people's code, and you are root; use a user of its own",
            file=sys.stderr,
        )


def _explain(failed: Sequence[Step]) -> None:
    """Say what could not be built, and why; with exit code 1 if there is anything."""
    for step in failed:
        where = f" on Python {step.python}" if step.python else ""
        log = f"\nall of it is in {step.log}" if step.log else ""
        print(f"\ncloche: {step.what}{where}: {step.why}{log}", file=sys.stderr)
    if failed:
        raise typer.Exit(1)
