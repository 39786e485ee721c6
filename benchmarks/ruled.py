"""What ten rules cost: a page of 3,000 files, hot beside the same without rules, and cold."""

import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks.figures import EXPLAIN, RULES_COLD, RULES_HOT, UNRULED
from benchmarks.loads import Page, ask, warm
from benchmarks.packages import LARGE
from benchmarks.processes import SERVER_CORE, Command, Unmeasured, cpu_seconds, run
from benchmarks.servers import OURS, ROOT, Place, Server, configured, place, started
from benchmarks.session import Session
from benchmarks.warm import Up, ask_away, turn, upstream_of

TEN = Path(__file__).with_name("ten-rules.toml")
"""Ten rules that look at every file and withhold none: both pages are of the same bytes."""

FREE = "/free/simple/"
"""Where the index without rules is."""

TIMES = 10
"""Explanations of one round: processor time is counted in hundredths of a second."""


def measure(session: Session) -> None:
    _measure_hot(session)
    _measure_cold(session)


def _measure_hot(session: Session) -> None:
    """Both indexes are of one process: two processes of one program differ by some percent."""
    with ExitStack() as stack:
        upstream = stack.enter_context(upstream_of(session))
        session.say("starting cloche with two indexes")
        with session.noting(session.figures.of(RULES_HOT, OURS)):
            ruled = _configured(place(session.folder / "rules", session.index, upstream))
            child = stack.enter_context(started(ruled))
            free = replace(ruled, command=replace(ruled.command, name=UNRULED), pages=FREE)
            _ask_both(session, [Up(free, child), Up(ruled, child)])
            _ask_why(session, Up(ruled, child))


def _configured(where: Place) -> Server:
    config = where.folder / "cloche.toml"
    config.write_text(
        f'[upstream.pypi]\nurl = "{where.upstream}"\n\n'
        f'[index.free]\nsources = ["pypi"]\n\n'
        f'[index.main]\nuploads = true\nsources = ["pypi"]\n\n{TEN.read_text()}'
    )
    return configured(where, OURS, config)


def _ask_both(session: Session, ups: Sequence[Up]) -> None:
    pages: dict[str, Page] = {}
    for up in ups:
        figure = session.figures.of(RULES_HOT, up.name)
        with session.noting(figure):
            page = warm(up.url(up.server.page(LARGE)), session.index.filenames[LARGE])
            figure.remark = f"{len(page.wire):,} bytes"
            pages[up.name] = page
    for number in session.rounds(session.plan.hot_rounds, RULES_HOT.title):
        for up in turn(ups, number):
            if up.name in pages and session.wants(session.figures.of(RULES_HOT, up.name)):
                ask_away(session, up, RULES_HOT, LARGE, pages[up.name])


def _ask_why(session: Session, up: Up) -> None:
    """The whole of it each time: nobody keeps explanations."""
    figure, listed = session.figures.of(EXPLAIN, up.name), session.index.filenames[LARGE]
    url = up.url(f"/-/api/v1/indexes/main/explain/{LARGE}")
    with session.noting(figure):
        ask(url)  # the first request of the API has it built
        for _ in session.rounds(session.plan.hot_rounds, EXPLAIN.title):
            used, began = cpu_seconds(up.child.pid), time.perf_counter()
            pages = [ask(url) for _ in range(TIMES)]
            took, used = time.perf_counter() - began, cpu_seconds(up.child.pid) - used
            for page in pages:
                _check(page, listed)
            figure.add(took / TIMES * 1000, core=used / TIMES * 1000)


def _check(page: Page, listed: frozenset[str]) -> None:
    told = {each["filename"]: each["state"] for each in json.loads(page.body)["files"]}
    if told != dict.fromkeys(listed, "listed"):
        raise Unmeasured(f"{len(told)} files are explained, not {len(listed)} as listed")


def _measure_cold(session: Session) -> None:
    """Each round is a process that has judged nothing before."""
    figure = session.figures.of(RULES_COLD, OURS)
    page = session.index.tree / "simple" / LARGE / "index.json"
    words: list[object] = [sys.executable, "-m", "benchmarks.judging", page, TEN]
    with session.noting(figure):
        for _ in session.rounds(session.plan.hot_rounds, RULES_COLD.title):
            said = json.loads(run(Command("judging", words, ROOT, SERVER_CORE)))
            figure.add(said["judging"] + said["rendering"], **said)
