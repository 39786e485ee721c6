"""What the measurements of one run share: the index, the scratch folder, the figures, the clock."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.figures import Figure, Figures
from benchmarks.packages import Index
from benchmarks.processes import Unmeasured


@dataclass(frozen=True, slots=True)
class Plan:
    """How often each thing is done, and the seconds after which no further round begins."""

    hot_rounds: int
    hot_seconds: int
    installs: int
    cold_installs: int
    starts: int
    crowds: int
    pips: int
    cold_pips: int
    mixed: int
    mixed_seconds: float
    scales: int
    uploads: int
    uploaded: int  # wheels of a round, as many as can be in these seconds
    upload_seconds: float
    mirrors: int
    mirrored: int  # projects near
    far_mirrored: int  # projects 50 ms away: over 2,000 bandersnatch would take eight minutes
    budget: float


FULL = Plan(
    hot_rounds=7,
    hot_seconds=2,
    installs=7,
    cold_installs=9,
    starts=5,
    crowds=7,
    pips=9,
    cold_pips=3,
    mixed=3,
    mixed_seconds=10,
    scales=5,
    uploads=3,
    uploaded=2000,
    upload_seconds=10,
    mirrors=3,
    mirrored=2000,
    far_mirrored=200,
    budget=1800,
)
QUICK = Plan(
    hot_rounds=2,
    hot_seconds=1,
    installs=2,
    cold_installs=2,
    starts=3,
    crowds=1,
    pips=1,
    cold_pips=1,
    mixed=1,
    mixed_seconds=5,
    scales=2,
    uploads=1,
    uploaded=500,
    upload_seconds=5,
    mirrors=1,
    mirrored=200,
    far_mirrored=200,
    budget=100,
)


@dataclass(frozen=True, slots=True)
class Session:
    index: Index
    folder: Path
    plan: Plan
    figures: Figures = field(default_factory=Figures)
    began: float = field(default_factory=time.monotonic)

    def rounds(self, wanted: int, what: str) -> Iterator[int]:
        """Count rounds: one for certain, and further ones while there is time."""
        for number in range(wanted):
            if number and self.is_over:
                self.say(f"{what}: no time for more than {number} of {wanted} rounds")
                return
            self.say(f"{what}: round {number + 1} of {wanted}")
            yield number

    @property
    def is_over(self) -> bool:
        return time.monotonic() - self.began > self.plan.budget

    def wants(self, figure: Figure) -> bool:
        """Say whether a figure should have a further round: its first always, more in time."""
        return not figure.reason and not (figure.rounds and self.is_over)

    def say(self, words: str) -> None:
        print(f"{time.monotonic() - self.began:5.0f} s  {words}", file=sys.stderr, flush=True)

    @contextmanager
    def noting(self, *figures: Figure) -> Iterator[None]:
        """Keep the reason with these figures when what is inside could not be measured."""
        try:
            yield
        except Unmeasured as error:
            for figure in figures:
                figure.reason = str(error)
                self.say(f"{figure.server}, {figure.work}: {error}")
