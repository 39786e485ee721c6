"""Who answers for a name, in every case: the page shows what is seen here, and is expected."""

import pytest

from tests.clients.record import Seen
from tests.decisions import page
from tests.decisions.cells import CELLS, Cell
from tests.decisions.stage import Stage

pytestmark = pytest.mark.xdist_group("decisions")


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.project)
def test_what_is_answered(stage: Stage, seen: Seen, cell: Cell) -> None:
    """A server answers in this case as the table says, the same by every way to ask."""
    answer = stage.answer(cell)

    _check(cell, answer.asked, answer.page, answer.page_of, answer.strangers)
    if seen(cell.part, cell.row, "", str(answer)):
        assert page.expected(cell.part, cell.row) == str(answer)


def _check(cell: Cell, asked: bool, status: int, shown: str, strangers: int | None) -> None:  # noqa: FBT001 - in the cell's order
    """What no table may say."""
    is_private = cell.owner in {"own upload", "partner"} or cell.route == "to partner"
    if is_private or cell.right == "no":
        assert not asked
        assert strangers != 200
        assert shown != "PyPI's"
    if cell.state == "down" and cell.owner != "own upload" and cell.right == "yes":
        assert status == 503


def test_the_table_is_whole() -> None:
    """Each case has its row on the page, and each row is of a case."""
    lines = page.PAGE.read_text().split("<!-- ", 1)[1].splitlines()
    rows = [line for line in lines if line.startswith("| ") and "---" not in line]
    heads = {cell.part for cell in CELLS}

    assert len(rows) - len(heads) == len({(cell.part, cell.row) for cell in CELLS})
