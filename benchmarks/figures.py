"""What a run found: one figure for each server at each piece of work."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

CORE_TIME = "core time"
"""The detail that says what one request costs the server's core, in microseconds."""
RATE = "requests/s"
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work: its key, what it is, its unit, and who the others are compared with."""

    key: str
    title: str
    unit: str
    baseline: str | None = "nginx"

    @property
    def best(self) -> Callable[[Sequence[float]], float]:
        """Choose the round that noise, which only ever slows a server down, spoilt least."""
        return max if self.unit.endswith("/s") else min


HOT_SMALL = Work("hot-small", "Hot page of a project with 20 files", RATE)
HOT_LARGE = Work("hot-large", "Hot page of a project with 3,000 files", RATE)
NOT_MODIFIED = Work("hot-304", "304 of the project with 20 files", RATE)
METADATA = Work("hot-metadata", "`.metadata`, hot", RATE)
FILE_SMALL = Work("hot-60k", "File of 60 KB, hot", RATE)
FILE_MEDIUM = Work("hot-5m", "File of 5 MB, hot", RATE)
FILE_LARGE = Work("hot-500m", "File of 500 MB, hot", RATE)
JSON_API = Work("hot-json-api", "Hot document of PyPI's JSON API, a project with 20 files", RATE)
ROOT = Work("hot-root", "The list of 700,000 projects", RATE)
ROOT_CHANGE = Work(
    "root-change", "Work for one upload's change to the list of 700,000 projects", "ms", None
)
WARM_INSTALL = Work("install-warm", "`uv pip install` of 70 packages, server warm", "s")
COLD_INSTALL = Work(
    "install-cold",
    "`uv pip install` of 70 packages, server empty and 50 ms from its upstream",
    "s",
    "direct",
)
COLD_PLAIN = Work(
    "install-cold-plain",
    "`uv pip install` of 70 packages, server empty and 50 ms from its upstream, over plain HTTP",
    "s",
    "direct",
)
DIRECT = "direct"
PIP_WARM = Work("pip-warm", "`pip install` of 70 packages, server warm", "s")
PIP_COLD = Work(
    "pip-cold",
    "`pip install` of 70 packages, server empty and 50 ms from its upstream",
    "s",
    DIRECT,
)
ALONE = "cloche with one worker"
WORKERS = Work(
    "workers", "Hot page of a project with 20 files, two workers on two cores", RATE, ALONE
)
FIRST_START = Work("start-first", "From process start to ready, no data yet", "s", None)
NEXT_START = Work("start-next", "From process start to ready, on the data of the first", "s", None)
CROWD = Work("crowd", "200 clients at once, one 50 MB file that cloche does not have yet", "s")
CROWD_ASKED = Work(
    "crowd-asked", "Transfers from the upstream for these clients", "transfers", None
)
UPLOADS = Work("uploads", "Uploads of 20 KB wheels, 8 clients", "uploads/s", "pypiserver")
UNHUNG = "cloche without the hang"
MIXED = Work("mixed", "Mixed load at half the most, p99, while one upstream hangs", "ms", UNHUNG)
FEW = "cloche with 7,000 files"
VAST_START = Work("vast-start", "From process start to ready, 7 million files recorded", "s", FEW)
VAST_PAGE = Work(
    "vast-page", "Page that is not in memory, p99, 7 million files recorded", "ms", FEW
)
VAST_UPLOAD = Work("vast-upload", "Upload, median, 7 million files recorded", "ms", FEW)
UNRULED = "cloche without rules"
RULES_HOT = Work(
    "rules-hot", "Hot page of a project with 3,000 files under ten rules", RATE, UNRULED
)
RULES_COLD = Work(
    "rules-cold", "Judging and rendering 3,000 files under ten rules, cold, of a core", "ms", None
)
EXPLAIN = Work(
    "explain", "Explaining 3,000 files under ten rules, over HTTP, by the clock", "ms", None
)
SHA256SUM = "sha256sum"
VERIFY = Work(
    "verify", "Verifying 20,000 files of 20 kB and 60 of 20 MiB, on two cores", "s", SHA256SUM
)
MIRRORER = "bandersnatch"
FILES_RATE = "files/s"
MIRROR_FULL = Work(
    "mirror-full",
    "Mirroring 2,000 projects with 40,000 small files; a tenth with --quick",
    FILES_RATE,
    MIRRORER,
)
MIRROR_FAR = Work(
    "mirror-far",
    "Mirroring 200 projects with 4,000 files, 50 ms away",
    FILES_RATE,
    MIRRORER,
)
MIRROR_AGAIN = Work("mirror-again", "Mirroring again when nothing has changed", "s", MIRRORER)
MIRROR_ASKED = Work("mirror-asked", "Requests upstream when nothing has changed", "requests", None)
MIRROR_CHANGES = Work(
    "mirror-changes",
    "Mirroring 1,000 changes of 700,000 projects, with their transfer",
    "s",
    None,
)
MIRROR_MEMORY = Work("mirror-memory", "Memory (resident) that this takes at most", "MiB", None)
IDLE = Work("memory-idle", "Memory (PSS) when idle, after the start", "MiB", None)
AFTER = Work("memory-after", "Memory (PSS) when idle again, after the work above", "MiB", None)
WORKS = (
    HOT_SMALL,
    HOT_LARGE,
    NOT_MODIFIED,
    METADATA,
    FILE_SMALL,
    FILE_MEDIUM,
    FILE_LARGE,
    WORKERS,
    JSON_API,
    ROOT,
    ROOT_CHANGE,
    WARM_INSTALL,
    COLD_INSTALL,
    COLD_PLAIN,
    PIP_WARM,
    PIP_COLD,
    CROWD,
    CROWD_ASKED,
    UPLOADS,
    MIXED,
    FIRST_START,
    NEXT_START,
    VAST_START,
    VAST_PAGE,
    VAST_UPLOAD,
    RULES_HOT,
    RULES_COLD,
    EXPLAIN,
    VERIFY,
    MIRROR_FULL,
    MIRROR_FAR,
    MIRROR_AGAIN,
    MIRROR_ASKED,
    MIRROR_CHANGES,
    MIRROR_MEMORY,
    IDLE,
    AFTER,
)


@dataclass(slots=True)
class Figure:
    """The rounds that one server did of one work, or the reason why there is no figure."""

    work: str
    server: str
    rounds: list[float] = field(default_factory=list)
    details: dict[str, list[float]] = field(default_factory=dict)
    remark: str = ""
    reason: str = ""

    @property
    def median(self) -> float | None:
        return statistics.median(self.rounds) if self.rounds and not self.reason else None

    def middle(self, detail: str) -> float | None:
        """Return the median of a detail of the rounds."""
        values = self.details.get(detail)
        return statistics.median(values) if values else None

    def add(self, value: float, **details: float) -> None:
        self.rounds.append(value)
        for name, detail in details.items():
            self.details.setdefault(name, []).append(detail)


class Figures:
    """All figures of a run, in the order in which they came."""

    def __init__(self) -> None:
        self._all: dict[tuple[str, str], Figure] = {}

    @classmethod
    def read(cls, data: Iterable[dict[str, Any]]) -> Self:
        """Return those that a run wrote as JSON."""
        made = cls()
        names = {field.name for field in fields(Figure)}
        for each in data:
            figure = Figure(**{name: said for name, said in each.items() if name in names})
            made._all[figure.work, figure.server] = figure
        return made

    def __iter__(self) -> Iterator[Figure]:
        return iter(self._all.values())

    def of(self, work: Work, server: str) -> Figure:
        """Return the figure, a new one without rounds when there was none."""
        return self._all.setdefault((work.key, server), Figure(work.key, server))

    def at(self, work: Work) -> Sequence[Figure]:
        return [figure for figure in self._all.values() if figure.work == work.key]

    def median(self, work: Work, server: str) -> float | None:
        figure = self._all.get((work.key, server))
        return figure.median if figure else None

    def best(self, work: Work, server: str) -> float | None:
        figure = self._all.get((work.key, server))
        return work.best(figure.rounds) if figure and figure.median is not None else None

    def capacity(self, work: Work, server: str) -> float | None:
        """Return what it does in a second of its core's time, whatever else ran on the cores."""
        figure = self._all.get((work.key, server))
        cost = figure.middle(CORE_TIME) if figure and figure.median is not None else None
        return 1e6 / cost if cost else None

    @property
    def unmeasured(self) -> list[Figure]:
        return [figure for figure in self._all.values() if figure.median is None]
