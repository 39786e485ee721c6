"""The list of an index's projects, read in both formats."""

import json
from typing import Any

import pytest

from cloche.core.errors import UpstreamLies
from cloche.core.model import ProjectName
from cloche.core.root_page import Root, read_root

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html; charset=utf-8"


def read(body: str, kind: str = JSON, most: int = 10) -> Root:
    return read_root("pypi", body.encode(), kind, most=most)


def root(serial: int = 0, **projects: int) -> Root:
    """With `_` for the dashes in names."""
    named = {ProjectName(name.replace("_", "-")): of for name, of in projects.items()}
    return Root(named, serial)


def said(projects: list[dict[str, Any]], **meta: Any) -> str:
    return json.dumps({"meta": {"api-version": "1.0", **meta}, "projects": projects})


def test_json() -> None:
    """Names come in normal form, each with its serial; the newest is the list's own."""
    listed = [{"name": "Demo_1", "_last-serial": 7}, {"name": "b", "_last-serial": 9}]

    assert read(said(listed, **{"_last-serial": 12})) == root(12, demo_1=7, b=9)
    assert read(said(listed)) == root(9, demo_1=7, b=9)


def test_json_without_serials() -> None:
    """Without serials each is 0."""
    assert read(said([{"name": "a"}, {"name": "b", "_last-serial": None}])) == root(a=0, b=0)


def test_html() -> None:
    """Links' last segments are the names, whatever the text says."""
    page = '<html><body><a href="/simple/demo-1/">Demo 1</a><a href="B_2/">x</a></body></html>'

    assert read(page, HTML) == root(demo_1=0, b_2=0)


def test_odd_names() -> None:
    """What is no name is left out."""
    assert read(said([{"name": "a"}, {"name": "-"}, {"name": ""}])) == root(a=0)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("{}", JSON),
        ("[", JSON),
        (said([], **{"api-version": "2.0"}), JSON),
        (said([{"name": "-"}]), JSON),
        (said([{"name": f"p{number}"} for number in range(11)]), JSON),
        ("<html><body>please log in</body></html>", HTML),
        ("{}", "application/json+what"),
    ],
)
def test_no_list(body: str, kind: str) -> None:
    """What is no list, or too long a one, is refused: it must not pass for a short one."""
    with pytest.raises(UpstreamLies):
        read(body, kind)
