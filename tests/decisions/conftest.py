"""One real server between a private upstream and one that stands for PyPI."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.decisions.stage import Stage, stage


@pytest.fixture(scope="module", name="stage")
def _stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with ExitStack() as stack:
        yield stack.enter_context(stage(tmp_path_factory.mktemp("decisions")))
