"""Text in HTML, as an HTML5 parser reads it back."""

import html5lib
from hypothesis import given
from hypothesis import strategies as st

from cloche.core.markup import escape


@given(st.text())
def test_any_text_is_valid_html(text: str) -> None:
    """Any text at all makes an element and an attribute without a parse error."""
    written = escape(text)
    page = f'<!DOCTYPE html><title>x</title><p title="{written}">{written}</p>'

    html5lib.HTMLParser(strict=True).parse(page)


@given(st.text(st.characters(exclude_categories=["Cc", "Cn", "Cs"])))
def test_what_html_can_carry_is_kept(text: str) -> None:
    """Text of assigned, visible characters is read back as it was."""
    page = f'<!DOCTYPE html><title>x</title><p title="{escape(text)}"></p>'
    tree = html5lib.HTMLParser(namespaceHTMLElements=False).parse(page)

    assert tree.find(".//p").attrib["title"] == text
