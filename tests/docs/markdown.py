"""The project's Markdown pages, taken apart: headings, tables, code, links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_CELL = re.compile(r"(?<!\\)\|")
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of code. `title` is what stands behind the language: the file's name."""

    page: Path
    language: str
    title: str
    body: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.body.partition(chr(10))[0]}"


def pages() -> list[Path]:
    """Every page that people read, the README first."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


def blocks(*languages: str) -> list[Block]:
    """Every fenced block of these languages, on every page."""
    found = []
    for page in pages():
        for fence in _FENCE.finditer(page.read_text()):
            language, _, title = fence["info"].strip().partition(" ")
            if language in languages:
                found.append(Block(page, language, title, fence["body"]))
    return found


def prose(text: str) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", text)


def sections(text: str) -> dict[str, str]:
    """What stands under each heading, up to the next one of whatever depth."""
    parts = _HEADING.split(prose(text))
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(section: str) -> Iterator[dict[str, str]]:
    """The rows of a section's tables, each by its columns' headings."""
    columns: list[str] = []
    for line in section.splitlines():
        if not line.startswith("|"):
            columns = []
            continue
        cells = [cell.strip() for cell in _CELL.split(line)[1:-1]]
        if not columns:
            columns = cells
        elif set("".join(cells)) - set("-: "):
            yield dict(zip(columns, cells, strict=True))


def code(text: str) -> list[str]:
    """What stands between backticks."""
    return _CODE.findall(text)


def links(text: str) -> list[str]:
    """Where the page's links lead."""
    return _LINK.findall(prose(text))


def anchors(text: str) -> set[str]:
    """What a link can name behind `#`: the headings, as GitHub and others spell them."""
    return {_slug(heading) for heading in _HEADING.findall(prose(text))}


def _slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
