"""Judge and render a page once, in a new process: `python -m benchmarks.judging PAGE RULES`."""

import argparse
import asyncio
import gc
import json
import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.packages import LARGE
from cloche.config.rules import clauses
from cloche.core.index import Index
from cloche.core.model import Held, Page, ProjectName
from cloche.core.negotiation import Format
from cloche.core.wire import read_page, render_page
from cloche.service.upstream import Answer
from cloche.service.view import View
from tests.fakes import FakeJournal, FakeLedger, FakePages

PROJECT = ProjectName(LARGE)
PREFIX = f"../../packages/main/{LARGE}/"


class Listed:
    """An upstream whose page is there already."""

    def __init__(self, page: Page, now: datetime) -> None:
        self._answer = Answer(page, now)

    async def page(self, project: ProjectName) -> Answer:  # noqa: ARG002 - the protocol's
        return self._answer

    async def keeps(self, project: ProjectName) -> bool:  # noqa: ARG002 - the protocol's
        return True

    async def check_kept(self, held: Held) -> None:
        pass

    async def known(self, project: ProjectName) -> Page | None:  # noqa: ARG002 - the protocol's
        return self._answer.page


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judging", description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("rules", type=Path, help="TOML with [[index.main.rule]]")
    arguments = parser.parse_args()
    now = datetime.now(UTC)
    body = arguments.page.read_bytes()
    listed = read_page(PROJECT, body, Format.JSON, "http://127.0.0.1/", max_files=100_000)
    rules = tomllib.loads(arguments.rules.read_text())["index"]["main"]["rule"]
    index = Index(
        name="main",
        sources=("pypi",),
        clauses=clauses("main", rules, arguments.rules.name, arguments.rules.parent),
    )
    journal = FakeJournal()
    view = View(
        {"main": index},
        {"pypi": Listed(listed, now)},
        FakeLedger(journal),
        FakePages(journal),
        lambda: now,
    )
    gc.freeze()  # as the server does when it is ready
    print(json.dumps(asyncio.run(_measured(view))))


async def _measured(view: View) -> dict[str, float]:
    """Milliseconds of processor time; large pages are judged in a thread."""
    began = time.process_time()
    page = (await view.project("main", PROJECT)).page
    judged = time.process_time()
    render_page(page, Format.JSON, PREFIX)
    ended = time.process_time()
    return {"judging": (judged - began) * 1000, "rendering": (ended - judged) * 1000}


if __name__ == "__main__":
    main()
