"""The page of figures is what a run found."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

from benchmarks.marks import MARKS
from benchmarks.publish import PLOTS, RESULT, publish
from tests.docs import markdown

KEPT = markdown.DOCS / PLOTS


def test_it_is_generated(tmp_path: Path) -> None:
    """The page and its plots are written out of the result beside them, and by nobody."""
    publish(json.loads((KEPT / RESULT).read_bytes()), tmp_path)

    written = {path.name: path.read_text() for path in (tmp_path / PLOTS).iterdir()}
    assert written == {path.name: path.read_text() for path in KEPT.iterdir()}
    page = "performance.md"
    assert (tmp_path / page).read_text() == (markdown.DOCS / page).read_text()


def test_no_mark_is_left_out() -> None:
    """Every mark is in the table with what became of it: met, missed, or not measured."""
    section = markdown.sections((markdown.DOCS / "performance.md").read_text())["Marks"]

    verdicts = [row[""] for row in markdown.rows(section)]
    assert len(verdicts) == len(MARKS)
    assert set(verdicts) <= {"met", "MISSED", "not measured"}


def test_plots_are_drawings() -> None:
    """Each plot is well-formed, and has a title for who does not see it."""
    for path in KEPT.glob("*.svg"):
        drawing = ET.parse(path).getroot()  # noqa: S314 - our own

        assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
        assert drawing.findtext("{http://www.w3.org/2000/svg}title")
