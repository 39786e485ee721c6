"""The page on clients has every client and every action."""

import pytest

from tests.clients.matrix.page import PAGE, Table, label
from tests.clients.matrix.tables import TABLES


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_table_is_whole(table: Table) -> None:
    """Each row has its locked version, each cell a finding or a reason: --write adds nothing."""
    text = PAGE.read_text()

    assert table.put(text, {}) == text
    assert "?" not in table.findings(text).values()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_another_finding_changes_the_page(table: Table) -> None:
    """What is found stands in the cell of its client and its action, and in no other."""
    text = PAGE.read_text()
    row = next(row for row in table.rows if table.columns[0] not in row.cannot)
    cell = label(row), table.columns[0]

    changed = table.findings(table.put(text, {cell: "changed"}))

    assert changed == {**table.findings(text), cell: "changed"}
