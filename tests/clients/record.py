"""What clients were seen to do, brought from every worker to the one place that writes it down.

`pytest tests/clients --write` writes what the run found into the pages that show it; without the
option each test compares what it finds with its page.
"""

import json
import os
from collections import defaultdict
from collections.abc import Callable

import pytest

_PROPERTY = "seen"

Seen = Callable[[str, str, str, str], bool]
"""Takes where (a page's part, its row, its column) and what was seen; tells whether to compare."""


class Recorder:
    """Collects what all workers saw, and writes it at the end."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[tuple[str, str], str]] = defaultdict(dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            for name, value in report.user_properties:
                if name == _PROPERTY:
                    part, row, column, text = json.loads(str(value))
                    self._seen[part][row, column] = text

    def pytest_sessionfinish(self) -> None:
        # Only where something is to be written: the rows import every client's module.
        from tests.clients import pages  # noqa: PLC0415

        pages.write(self._seen)


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "write what real clients were seen to do into the pages that show it"
    parser.addoption("--write", action="store_true", help=text)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--write") and "PYTEST_XDIST_WORKER" not in os.environ:
        config.pluginmanager.register(Recorder())


@pytest.fixture
def seen(request: pytest.FixtureRequest) -> Seen:
    """Give a function that records what was seen."""

    def record(*value: str) -> bool:
        request.node.user_properties.append((_PROPERTY, json.dumps(value)))
        return not request.config.getoption("--write")

    return record
