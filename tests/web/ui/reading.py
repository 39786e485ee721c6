"""A page as a person, or their browser, takes it in."""

from selectolax.lexbor import LexborHTMLParser


def text(html: str) -> str:
    """What the page says, its spaces made single."""
    tree = LexborHTMLParser(html)
    tree.strip_tags(["style", "script"])
    return " ".join((tree.body.text(separator=" ") if tree.body else "").split())


def links(html: str) -> dict[str, str]:
    """Each link's text and where it leads."""
    found = LexborHTMLParser(html).css("a[href]")
    return {each.text().strip(): each.attributes["href"] or "" for each in found}


def all_of(html: str, selector: str) -> list[str]:
    """The texts of all that a selector finds."""
    return [" ".join(each.text().split()) for each in LexborHTMLParser(html).css(selector)]
