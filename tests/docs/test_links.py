"""The pages hang together."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from distlib.index import DEFAULT_INDEX

from tests.docs import markdown

PAGES = markdown.pages()


def name(page: Path) -> str:
    return str(page.relative_to(markdown.ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file of the project, and a heading in it if it names one."""
    lost = [link for link in markdown.links(page.read_text()) if not _leads_somewhere(page, link)]

    assert lost == []


def test_every_page_of_the_guide_is_listed() -> None:
    """The index of the how-to folder links to each page in it."""
    index = markdown.DOCS / "how-to" / "README.md"
    linked = {link.partition("#")[0] for link in markdown.links(index.read_text())}

    assert {page.name for page in index.parent.glob("*.md")} - {index.name} <= linked


def test_every_decision_is_listed() -> None:
    """The list of decisions links to each of them, and repeats its title."""
    folder = markdown.DOCS / "decisions"
    listed = (folder / "README.md").read_text()

    for page in sorted(folder.glob("[0-9]*.md")):
        number, _, title = page.read_text().partition("\n")[0].removeprefix("# ").partition(" ")
        assert f"| [{number}]({page.name}) | {title} |" in listed


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_registry_is_named(page: Path) -> None:
    """No page writes out where PyPI is: the address has one source, a library."""
    host = urlsplit(DEFAULT_INDEX).hostname

    assert host is not None
    assert host not in page.read_text().lower()


def _leads_somewhere(page: Path, link: str) -> bool:
    if urlsplit(link).scheme:
        return True
    file, _, anchor = link.partition("#")
    target = page.parent / file if file else page
    if not target.exists():
        return False
    return not anchor or anchor in markdown.anchors(target.read_text())
