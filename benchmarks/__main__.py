"""Measure cloche against nginx and its peers, in one run: `python -m benchmarks`."""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import (
    apis,
    changes,
    cold,
    crowd,
    hits,
    mirror,
    mixed,
    pips,
    ruled,
    scale,
    startup,
    uploading,
    verifying,
    warm,
    workers,
)
from benchmarks.packages import index
from benchmarks.processes import LOAD_CORE
from benchmarks.publish import DOCS, publish
from benchmarks.report import as_data, as_markdown, machine
from benchmarks.session import FULL, QUICK, Session

MEASURES: dict[str, Sequence[Callable[[Session], None]]] = {
    "start": [startup.measure],
    "hits": [hits.measure],
    "apis": [apis.measure],
    "crowd": [crowd.measure],
    "cold": [cold.measure],
    "uploads": [uploading.measure],
    "mixed": [mixed.measure],
    "rules": [ruled.measure],
    "verify": [verifying.measure],
    "mirror": [mirror.measure, changes.measure],
    "scale": [scale.measure],
    "workers": [workers.measure],
    "pip": [pips.measure],
}
PARTS = ("hot", "install", "memory", *MEASURES)
LONG = frozenset({"mirror", "pip", "scale"})
"""Parts that --quick leaves out, unless it is told them: each alone takes its three minutes."""
NEEDED = ("nginx", "wrk", "taskset", "setpriv")


def main() -> int:
    """Return 0 when all was measured, 1 when something could not be."""
    arguments = _arguments()
    if lack := _lack():
        print(f"{lack}: run benchmarks/install", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # children are ended on the way out
    facts = machine()
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    plan = QUICK if arguments.quick else FULL
    if arguments.budget is not None:
        plan = replace(plan, budget=arguments.budget)
    session = Session(index(), _scratch(), plan)
    session.say(f"the index has {session.index}")
    try:
        _measure(session, arguments.only or _usual(quick=arguments.quick))
    except (KeyboardInterrupt, SystemExit):
        shutil.rmtree(session.folder)
        raise
    _write(arguments, facts, session)
    for figure in session.figures.unmeasured:
        session.say(f"not measured: {figure.work} of {figure.server}: {figure.reason}")
    if session.figures.unmeasured:
        session.say(f"the servers' logs are kept in {session.folder}")
        return 1
    shutil.rmtree(session.folder)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, for a first look")
    parser.add_argument(
        "--budget",
        type=float,
        metavar="SECONDS",
        help="when to begin no round but the first of each mark",
    )
    parser.add_argument("--only", type=_parts, help=f"some of {','.join(PARTS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the report there")
    parser.add_argument("--docs", action="store_true", help="write docs/performance.md anew")
    return parser.parse_args()


def _usual(*, quick: bool) -> tuple[str, ...]:
    return tuple(part for part in PARTS if not (quick and part in LONG))


def _parts(words: str) -> tuple[str, ...]:
    parts = tuple(words.split(","))
    if unknown := set(parts) - set(PARTS):
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(sorted(unknown))}")
    return parts


def _lack() -> str:
    """Name what keeps this host from running the benchmark, if anything does."""
    if (os.cpu_count() or 1) < 2:
        return "two cores are needed"
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    missing = [tool for tool in NEEDED if not shutil.which(tool, path=path)]
    return f"not installed: {', '.join(missing)}" if missing else ""


def _scratch() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="cloche-benchmark-"))
    folder.chmod(0o755)  # nginx's worker may be another user
    return folder


def _measure(session: Session, only: tuple[str, ...]) -> None:
    if {"hot", "install", "memory"} & set(only):
        warm.measure(session, hot="hot" in only, installs="install" in only)
    for part, measures in MEASURES.items():
        if part in only:
            for measure in measures:
                measure(session)


def _write(arguments: argparse.Namespace, facts: dict[str, str], session: Session) -> None:
    text = as_markdown(facts, session.figures)
    print(text)
    if arguments.markdown:
        arguments.markdown.write_text(text)
    if arguments.docs:
        publish(as_data(facts, session.figures), DOCS)
    if arguments.json:
        data = as_data(facts, session.figures)
        arguments.json.write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
