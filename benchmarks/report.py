"""What a run found, for people as Markdown and for programs as JSON."""

import math
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import CORE_TIME, TIMES, WORKS, Figure, Figures, Work
from benchmarks.loads import UV
from benchmarks.marks import MARKS, Mark
from benchmarks.processes import PATH
from benchmarks.servers import ROOT, versions

VERSION = re.compile(r"\d+(\.\d+)+")
DETAILS = {
    "core used": "%",
    CORE_TIME: "µs a request",
    "median": "ms",
    "p99": "ms",
    "processor": "s",
    "resident": "MiB",
    "round trip": "ms",
    "judging": "ms",
    "rendering": "ms",
    "slowest": "ms",
}
NOTHING = "\N{EN DASH}"
VERDICTS = {True: "met", False: "MISSED", None: "not measured"}
NOTE = """\
One worker each. The server under load is alone on core 0; the load (wrk, uv, pip) and the servers'
upstream are on core 1; rounds are short and go round all servers. Figures are medians; beside each,
the lowest and the highest round and the ratio to the baseline of the same run. A page is asked for
as pip does (JSON, gzip); nginx serves the very bytes that cloche serves. 50 ms is a real round
trip, between network namespaces. At its other end is an upstream as PyPI is one: over TLS, and in
HTTP/2 with whoever speaks that; plain HTTP has a row of its own, and so do mirrors.

Two more readings of each mark tell noise from truth where something else runs on the cores: that of
the best rounds, and that by core time, which is what each would do on a core of its own: requests
by the processor time that they took. A server that used well below 100 % of its core was held up by
the load, or by what else ran."""


def machine() -> dict[str, str]:
    """Say what the run ran on, and with what."""
    cpu = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    tools = {"nginx": ["nginx", "-v"], "wrk": ["wrk", "-v"], "uv": [str(UV), "--version"]}
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": _commit(),
        "processor": f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "load before the run": f"{os.getloadavg()[0]:.2f}",
        "Python": platform.python_version(),
        **{name: _version(words) for name, words in tools.items()},
        **versions(),
    }


def _commit() -> str:
    words = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _version(words: list[str]) -> str:
    found = VERSION.search(_said(words))
    return found[0] if found else "unknown"


def _said(words: list[str]) -> str:
    environment = {**os.environ, "PATH": PATH}
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    except FileNotFoundError:
        return ""
    return done.stdout + done.stderr


def as_markdown(facts: dict[str, str], figures: Figures) -> str:
    """Write the whole report."""
    lines = ["# Benchmark", "", ", ".join(f"{name} {fact}" for name, fact in facts.items()) + "."]
    lines += ["", NOTE, "", "## Marks", "", *marks_table(_measured_marks(figures), figures)]
    for work in WORKS:
        if found := figures.at(work):
            lines += ["", f"## {work.title}", "", *work_table(work, found, figures)]
    return "\n".join([*lines, ""])


def as_data(facts: dict[str, str], figures: Figures) -> dict[str, object]:
    """Return everything that was measured, round by round."""
    return {
        "machine": facts,
        "arguments": sys.argv[1:],
        "figures": [{**asdict(figure), "median": figure.median} for figure in figures],
        "marks": [_judged(mark, figures) for mark in _measured_marks(figures)],
    }


def _measured_marks(figures: Figures) -> Iterator[Mark]:
    """Yield the marks whose work was part of this run."""
    return (mark for mark in MARKS if figures.at(mark.work))


def _judged(mark: Mark, figures: Figures) -> dict[str, object]:
    return {
        "work": mark.work.key,
        "bound": f"{mark.sense} {mark.bound} {mark.unit}",
        "value": mark.value(figures),
        "best rounds": mark.at_best(figures),
        "by core time": mark.by_core_time(figures),
        "met": mark.met(figures),
    }


def marks_table(marks: Iterable[Mark], figures: Figures) -> Iterator[str]:
    """Yield the lines of a table of these marks."""
    yield "| cloche | mark | median | best rounds | by core time | |"
    yield "| --- | --- | ---: | ---: | ---: | --- |"
    for mark in marks:
        median, *others = (
            NOTHING if value is None else apart(value, mark.bound)
            for value in (mark.value(figures), mark.at_best(figures), mark.by_core_time(figures))
        )
        bound = f"{mark.sense} {mark.bound:g} {mark.unit}"
        cells = (mark.work.title, bound, f"**{median}**", *others, VERDICTS[mark.met(figures)])
        yield f"| {' | '.join(cells)} |"


def work_table(work: Work, found: Sequence[Figure], figures: Figures) -> Iterator[str]:
    """Yield the lines of a table of what each server did."""
    base = figures.median(work, work.baseline) if work.baseline else None
    yield f"| server | {work.unit} | rounds | {f'{TIMES} {work.baseline}' if base else ''} | |"
    yield "| --- | ---: | ---: | ---: | --- |"
    for figure in found:
        median = figure.median
        if median is None:
            yield f"| {figure.server} | {NOTHING} | | | {figure.reason.replace('|', '/')} |"
            continue
        ratio = f"{median / base:.3g}" if base else ""
        remarks = "; ".join(_remarks(figure))
        yield f"| {figure.server} | {number(median)} | {_spread(figure)} | {ratio} | {remarks} |"


def _spread(figure: Figure) -> str:
    if len(figure.rounds) == 1:
        return "1 round"
    low, high = number(min(figure.rounds)), number(max(figure.rounds))
    return f"{low} … {high} in {len(figure.rounds)}"


def _remarks(figure: Figure) -> Iterator[str]:
    if figure.remark:
        yield figure.remark
    for name, unit in DETAILS.items():
        if (middle := figure.middle(name)) is not None:
            yield f"{name} {number(middle)} {unit}"


def number(value: float) -> str:
    """Write a number with three digits that mean something."""
    if value >= 1000:
        return f"{round(value, 2 - math.floor(math.log10(value))):,.0f}"
    return f"{value:.3g}"


def apart(value: float, bound: float) -> str:
    """Write a number with one digit more where it would read like this bound, and is not it."""
    shown = number(value)
    return f"{value:.4g}" if shown == number(bound) else shown
