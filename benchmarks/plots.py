"""Bars as SVG: the same bytes from the same figures, readable on light and dark pages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import log10

WIDTH, NAMES, ROW, BAR, EDGE = 980, 330, 26, 14, 8
SPAN = 400  # pixels of the longest bar; the rest is for its label
STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.name { text-anchor: end; } .ours { fill: #2f6f4f; } .other { fill: #8a94a0; }
.good { fill: #2f6f4f; } .bad { fill: #b5472f; }
.line { stroke: #59636e; stroke-width: 1; fill: none; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .line { stroke: #9198a1; }
  .ours, .good { fill: #57a77e; } .bad { fill: #d9694f; }
}
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its name, its value, the lowest and the highest of it, what is said beside it."""

    name: str
    value: float
    label: str
    kind: str  # a class of the style
    low: float | None = None
    high: float | None = None


def bars(title: str, rows: Sequence[Bar]) -> str:
    """Bars from nought, with a line from the lowest to the highest round."""
    most = max((max(row.value, row.high or 0) for row in rows), default=1) or 1
    return _drawn(title, [_plain(row, most, place) for place, row in _placed(rows)], len(rows))


def _plain(row: Bar, most: float, top: float) -> str:
    middle, scale = top + BAR / 2, SPAN / most
    drawn = _bar(row, NAMES, row.value * scale, top)
    if row.low is None or row.high is None:
        return drawn + _text(NAMES + row.value * scale + EDGE, middle, row.label)
    low, high = (NAMES + value * scale for value in (row.low, row.high))
    whisker = f'<path class="line" d="M{low:.1f} {middle:.1f}H{high:.1f}"/>'
    return drawn + whisker + _text(max(high, NAMES) + EDGE, middle, row.label)


def against(title: str, rows: Sequence[Bar], decades: float = 1.5) -> str:
    """Bars to the right of a line, or to its left, by how many times they are above or below 1."""
    centre = NAMES + SPAN / 2
    drawn = []
    for top, row in _placed(rows):
        size = max(-1.0, min(1.0, log10(row.value) / decades)) * SPAN / 2
        drawn.append(_bar(row, min(centre, centre + size), abs(size), top))
        drawn.append(_text(max(centre, centre + size) + EDGE, top + BAR / 2, row.label))
    bottom = len(rows) * ROW + 2 * ROW
    drawn.append(f'<path class="line" d="M{centre:.1f} {ROW * 1.5:.1f}V{bottom:.1f}"/>')
    return _drawn(title, drawn, len(rows))


def _placed(rows: Sequence[Bar]) -> Iterator[tuple[float, Bar]]:
    for number, row in enumerate(rows):
        yield ROW * (number + 1.6), row


def _bar(row: Bar, left: float, width: float, top: float) -> str:
    shape = f'x="{left:.1f}" y="{top:.1f}" width="{max(1, width):.1f}" height="{BAR}"'
    name = (
        f'<text class="name" x="{NAMES - EDGE}" y="{top + BAR - 2:.1f}">{escape(row.name)}</text>'
    )
    return f'{name}<rect class="{row.kind}" {shape}/>'


def _text(left: float, middle: float, words: str) -> str:
    return f'<text x="{left:.1f}" y="{middle + 5:.1f}">{escape(words)}</text>'


def _drawn(title: str, pieces: Sequence[str], count: int) -> str:
    height = ROW * (count + 2)
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    words = f'<text x="{EDGE}" y="18" font-weight="600">{escape(title)}</text>'
    said = [f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", words]
    return "\n".join([head, *said, *pieces, "</svg>", ""])
