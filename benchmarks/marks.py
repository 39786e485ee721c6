"""The marks that cloche is held to, as data, and whether a run met them."""

import operator
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.figures import (
    AFTER,
    ALONE,
    COLD_INSTALL,
    CROWD,
    CROWD_ASKED,
    DIRECT,
    EXPLAIN,
    FEW,
    FILE_LARGE,
    FILE_MEDIUM,
    FILE_SMALL,
    FIRST_START,
    HOT_LARGE,
    HOT_SMALL,
    IDLE,
    JSON_API,
    METADATA,
    MIRROR_AGAIN,
    MIRROR_ASKED,
    MIRROR_CHANGES,
    MIRROR_FAR,
    MIRROR_FULL,
    MIRROR_MEMORY,
    MIRRORER,
    MIXED,
    NEXT_START,
    NOT_MODIFIED,
    PIP_COLD,
    PIP_WARM,
    ROOT,
    ROOT_CHANGE,
    RULES_COLD,
    RULES_HOT,
    SHA256SUM,
    TIMES,
    UNHUNG,
    UNRULED,
    UPLOADS,
    VAST_PAGE,
    VAST_START,
    VAST_UPLOAD,
    VERIFY,
    WARM_INSTALL,
    WORKERS,
    Figures,
    Work,
)
from benchmarks.hosts import DEVPI, PYPISERVER
from benchmarks.servers import OURS, PEERS

FASTEST_PEER = "fastest peer"
AT_LEAST, AT_MOST = "at least", "at most"
HOLDS: dict[str, Callable[[float, float], bool]] = {AT_LEAST: operator.ge, AT_MOST: operator.le}
Measure = Callable[[Work, str], float | None]


@dataclass(frozen=True, slots=True)
class Mark:
    """A bound on cloche's median: as it is, or as a multiple of another's."""

    work: Work
    sense: str
    bound: float
    times: str | None = None

    @property
    def unit(self) -> str:
        return f"{TIMES} {self.times}" if self.times else self.work.unit

    def value(self, figures: Figures) -> float | None:
        """Return what the bound is held against, or None when it could not be measured."""
        return self._compared(figures.median)

    def at_best(self, figures: Figures) -> float | None:
        """Return the same of the best rounds."""
        return self._compared(figures.best)

    def by_core_time(self, figures: Figures) -> float | None:
        """Return the same, of what each could do with a core of its own; None if unknown."""
        return self._compared(figures.capacity)

    def met(self, figures: Figures) -> bool | None:
        value = self.value(figures)
        return None if value is None else HOLDS[self.sense](value, self.bound)

    def _compared(self, measure: Measure) -> float | None:
        ours = measure(self.work, OURS)
        if ours is None or self.times is None:
            return ours
        names = PEERS if self.times == FASTEST_PEER else (self.times,)
        theirs = [value for name in names if (value := measure(self.work, name))]
        return ours / self.work.best(theirs) if theirs else None


MARKS = (
    Mark(HOT_SMALL, AT_LEAST, 0.6, "nginx"),
    Mark(HOT_SMALL, AT_LEAST, 20, FASTEST_PEER),
    Mark(NOT_MODIFIED, AT_LEAST, 0.6, "nginx"),
    Mark(HOT_LARGE, AT_LEAST, 1.0, "nginx"),
    Mark(HOT_LARGE, AT_LEAST, 10, FASTEST_PEER),
    Mark(METADATA, AT_LEAST, 0.5, "nginx"),
    Mark(FILE_SMALL, AT_LEAST, 0.4, "nginx"),
    Mark(FILE_MEDIUM, AT_LEAST, 1.0, "nginx"),
    Mark(FILE_LARGE, AT_LEAST, 1.0, "nginx"),
    Mark(WORKERS, AT_LEAST, 1.8, ALONE),
    Mark(JSON_API, AT_LEAST, 0.2, "nginx"),
    Mark(ROOT, AT_LEAST, 0.8, "nginx"),
    Mark(ROOT_CHANGE, AT_MOST, 50),
    Mark(WARM_INSTALL, AT_MOST, 1.1, "nginx"),
    Mark(COLD_INSTALL, AT_MOST, 0.65, DIRECT),
    Mark(COLD_INSTALL, AT_MOST, 1.0, FASTEST_PEER),
    Mark(PIP_WARM, AT_MOST, 1.0, FASTEST_PEER),
    Mark(PIP_COLD, AT_MOST, 0.65, DIRECT),
    Mark(PIP_COLD, AT_MOST, 1.0, FASTEST_PEER),
    Mark(CROWD, AT_MOST, 1.3, "nginx"),
    Mark(CROWD_ASKED, AT_MOST, 1),
    Mark(UPLOADS, AT_LEAST, 20, DEVPI),
    Mark(UPLOADS, AT_LEAST, 1.0, PYPISERVER),
    Mark(MIXED, AT_MOST, 2, UNHUNG),
    Mark(FIRST_START, AT_MOST, 1.0),
    Mark(NEXT_START, AT_MOST, 1.0),
    Mark(VAST_START, AT_MOST, 1.0),
    Mark(VAST_PAGE, AT_MOST, 1.5, FEW),
    Mark(VAST_UPLOAD, AT_MOST, 1.2, FEW),
    Mark(RULES_HOT, AT_LEAST, 0.97, UNRULED),  # as fast, but for noise
    Mark(RULES_COLD, AT_MOST, 40),
    Mark(EXPLAIN, AT_MOST, 200),
    Mark(VERIFY, AT_MOST, 1.43, SHA256SUM),  # 0.7 of its speed
    Mark(MIRROR_FULL, AT_LEAST, 1.5, MIRRORER),
    Mark(MIRROR_FAR, AT_LEAST, 8, MIRRORER),
    Mark(MIRROR_AGAIN, AT_MOST, 0.7, MIRRORER),
    Mark(MIRROR_ASKED, AT_MOST, 1),
    Mark(MIRROR_CHANGES, AT_MOST, 10),
    Mark(MIRROR_MEMORY, AT_MOST, 500),
    Mark(IDLE, AT_MOST, 100),
    Mark(AFTER, AT_MOST, 300),
)
