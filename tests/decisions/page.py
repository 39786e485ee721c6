"""The page that shows the decision table, and is what its tests expect."""

import re
from collections.abc import Mapping
from pathlib import Path

from tests.decisions.cells import CELLS, HEADS, PARTS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "decisions.md"
FIXED = 3  # columns that name a row

_TABLE = r"(<!-- {part} -->\n)((?:\|[^\n]*\n)*)"


def expected(part: str, row: str) -> str | None:
    """What the page says in a row, behind the columns that name it."""
    return _rows(PAGE.read_text(), part).get(row)


def put(text: str, seen: Mapping[str, Mapping[tuple[str, str], str]]) -> str:
    """The page with what was seen in place of what it said, by part, then row and column."""
    for part in PARTS:
        if part in seen:
            rows = {row: said for (row, _), said in seen[part].items()}
            text = _put(text, part, _rows(text, part) | rows)
    return text


def _rows(text: str, part: str) -> dict[str, str]:
    found = re.search(_TABLE.format(part=re.escape(part)), text)
    assert found is not None, f"{PAGE.name} has no place for the table {part}"
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in found[2].splitlines()[2:]
    ]
    return {" | ".join(each[:FIXED]): " | ".join(each[FIXED:]) for each in cells}


def _put(text: str, part: str, rows: Mapping[str, str]) -> str:
    order = dict.fromkeys(cell.row for cell in CELLS if cell.part == part)
    lines = [" | ".join(HEADS), " | ".join(["---"] * len(HEADS))]
    lines += [f"{row} | {rows[row]}" for row in order if row in rows]
    table = "".join(f"| {line} |\n" for line in lines).replace("|  |", "| |").replace("|  |", "| |")
    return re.sub(_TABLE.format(part=re.escape(part)), lambda m: m[1] + table, text)
