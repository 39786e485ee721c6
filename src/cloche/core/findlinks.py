"""A flat page of links to files of many projects, as pip's `--find-links` takes it."""

from collections.abc import Iterable, Iterator
from html import escape
from urllib.parse import unquote

from selectolax.lexbor import LexborNode

from cloche.core.errors import BadName, UpstreamLies
from cloche.core.filenames import parse
from cloche.core.html_page import base_of, parse_html
from cloche.core.model import ProjectName


def split(name: str, body: bytes, url: str, most: int) -> dict[ProjectName, bytes]:
    """Take the page apart into one HTML page for each project, with all that its links say.

    `name` is the upstream's. Links to anything but distributions are passed over. Raise
    UpstreamLies when there are more than `most` links, or none to any distribution: a log-in page
    is full of links too.
    """
    tree = parse_html(body)
    links = tree.css("a[href]")
    if len(links) > most:
        raise UpstreamLies(f"{name} has {len(links)} links; max_links allows {most}")
    found: dict[ProjectName, list[str]] = {}
    for link in links:
        for project in _projects(link):
            found.setdefault(project, []).append(_written(link))
    if not found:
        raise UpstreamLies(f"{name} is a page without a link to any distribution")
    base = base_of(tree, url)
    return {project: _page(base, entries) for project, entries in found.items()}


def _projects(link: LexborNode) -> Iterator[ProjectName]:
    href = link.attributes.get("href") or ""
    path = href.partition("#")[0].partition("?")[0]
    try:
        yield parse(unquote(path.rpartition("/")[2].strip())).project
    except BadName:
        return


def _written(link: LexborNode) -> str:
    said = link.attributes.items()
    words = (f'{key}="{escape(value or "")}"' for key, value in said if escape(key) == key)
    return f"<a {' '.join(words)}></a>"


def _page(base: str, entries: Iterable[str]) -> bytes:
    return (
        '<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        '<meta name="pypi:repository-version" content="1.0">\n'
        f'<base href="{escape(base)}">\n</head>\n<body>\n{"".join(entries)}</body>\n</html>\n'
    ).encode()
