"""Options of commands that choose files, and what these mean together."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from cloche.app.opening import this_platform
from cloche.cli._options import begin, check_index
from cloche.config import DEFAULT_UPSTREAM, Settings
from cloche.core.choosing import Rules
from cloche.core.targets import Targets, targets
from cloche.core.wants import Wants

JOBS = 8

Platforms = Annotated[
    list[str] | None,
    typer.Option(
        "--platform",
        metavar="TAG",
        help="Platform to choose wheels for, such as manylinux_2_28_x86_64, "
        "macosx_14_0_arm64 or win_amd64; can be given more than once.",
    ),
]
Pythons = Annotated[
    list[str] | None,
    typer.Option(
        "--python",
        metavar="VERSION",
        help="Python to choose for, such as 3.12; can be given more than once.",
    ),
]
Implementation = Annotated[
    str,
    typer.Option("--implementation", metavar="cp|pp|py", help="Its implementation. [default: cp]"),
]
Abis = Annotated[
    list[str] | None,
    typer.Option(
        "--abi", metavar="TAG", help="Its ABI, such as cp313t; can be given more than once."
    ),
]
Everything = Annotated[
    bool, typer.Option("--all", help="Every file of a version, whatever it runs on.")
]
NoSdists = Annotated[bool, typer.Option("--no-sdists", help="No sdist where a wheel will do.")]
Pre = Annotated[
    bool, typer.Option("--pre", help="Where a version is to be chosen: prereleases too.")
]
FromUpstream = Annotated[
    str | None,
    typer.Option(
        "--upstream", metavar="URL", help="Simple index to fall through to, in place of PyPI."
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing:
    """What was said of the files that are wanted."""

    platforms: Sequence[str] | None
    pythons: Sequence[str] | None
    implementation: str = ""
    abis: Sequence[str] | None = None
    everything: bool
    no_sdists: bool
    pre: bool

    def rules(self, wants: Wants | None) -> Rules:
        """For these wants, which may say themselves that prereleases do. Raise BadRequest."""
        chosen = targets(
            this_platform(),
            platforms=self.platforms or (),
            pythons=self.pythons or (),
            implementation=self.implementation,
            abis=self.abis or (),
        )
        return Rules(
            targets=chosen,
            prereleases=self.pre or (wants is not None and wants.prereleases),
            everything=self.everything,
            sdists=not self.no_sdists,
        )

    def environments(self, rules: Rules) -> list[Rules]:
        """The same for each platform and Python that is named; as one, where none is."""
        if not (self.platforms or self.pythons):
            return [rules]
        pairs = product(self.platforms or (None,), self.pythons or (None,))
        return [replace(rules, targets=self._targets(*pair)) for pair in pairs]

    def _targets(self, platform: str | None, python: str | None) -> Targets:
        return targets(
            this_platform(),
            platforms=[platform] if platform else (),
            pythons=[python] if python else (),
            implementation=self.implementation,
            abis=self.abis or (),
        )


def opening(
    config: Path | None, data: Path | None, upstream: str | None, index: str | None
) -> tuple[Settings, str]:
    """The settings, and the index that is meant. Raise BadSetting."""
    settings = begin(config, data, {f"upstream.{DEFAULT_UPSTREAM}.url": upstream})
    chosen = index or settings.default_index.name
    check_index(settings, chosen, config)
    return settings, chosen
