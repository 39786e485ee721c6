"""The list of an index's projects, as an upstream sends it (PEP 503, 691; PyPI's serials)."""

import re
from collections.abc import Iterable
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from cloche.core.entries import API_VERSION
from cloche.core.errors import BadName, UpstreamLies
from cloche.core.html_page import parse_html
from cloche.core.model import MAX_NAME, ProjectName, project_name
from cloche.core.negotiation import JSON_TYPES, Format

MAX_SERIAL = 2**63 - 1

_NORMAL = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
_HTML = frozenset({Format.HTML, Format.HTML_V1, "application/xhtml+xml"})


class _Entry(Struct, frozen=True, gc=False):
    name: str
    serial: int | None = msgspec.field(name="_last-serial", default=None)


class _Meta(Struct, frozen=True):
    version: str = msgspec.field(name="api-version", default=API_VERSION)
    serial: int | None = msgspec.field(name="_last-serial", default=None)


class _Root(Struct, frozen=True):
    projects: list[_Entry]
    meta: _Meta = _Meta()


class Root(Struct, frozen=True):
    """Each project's serial by its name, 0 where none is told; and the newest of all."""

    projects: dict[ProjectName, int]
    serial: int = 0


_decode = msgspec.json.Decoder(_Root).decode


def read_root(name: str, body: bytes, content_type: str, *, most: int) -> Root:
    """Read it in either format; `name` is the upstream's.

    What is no project name is left out. Raise UpstreamLies when the whole cannot be understood.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in JSON_TYPES:
        return _json(name, body, most)
    if kind in _HTML:
        return _html(name, body, most)
    raise UpstreamLies(f"{name}'s list of projects is {kind or 'of no type'}, not a list")


def _json(name: str, body: bytes, most: int) -> Root:
    try:
        said = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise UpstreamLies(f"{name}'s list of projects is not PEP 691's: {e}") from None
    if said.meta.version.partition(".")[0] != "1":
        raise UpstreamLies(f"{name}'s list is of API version {said.meta.version}, not 1.x")
    _check(name, len(said.projects), most)
    projects: dict[ProjectName, int] = {}
    for each in said.projects:
        project = normal(each.name)
        if project is not None:
            serial = each.serial or 0
            told = serial if 0 < serial <= MAX_SERIAL else 0
            projects[project] = max(told, projects.get(project, 0))
    _check_some(name, len(said.projects), projects)
    newest = max(projects.values(), default=0)
    stated = said.meta.serial or 0
    return Root(projects, stated if 0 < stated <= MAX_SERIAL else newest)


def _html(name: str, body: bytes, most: int) -> Root:
    tree = parse_html(body)
    links = tree.css("a[href]")
    marked = tree.css_first('meta[name="pypi:repository-version"]') is not None
    if not links and not marked:
        # A log-in page or a proxy's apology is HTML without links too.
        raise UpstreamLies(f"{name}'s list of projects lists nothing and is not marked a list")
    _check(name, len(links), most)
    found = (normal(_last(link.attributes.get("href") or "")) for link in links)
    projects = dict.fromkeys((each for each in found if each is not None), 0)
    _check_some(name, len(links), projects)
    return Root(projects)


def _last(href: str) -> str:
    """The last segment of a link's path: a project's name in normal form, or nearly so."""
    path = href.partition("#")[0].partition("?")[0]
    return unquote(path.rstrip("/").rpartition("/")[2])


def normal(raw: str) -> ProjectName | None:
    if len(raw) <= MAX_NAME and _NORMAL.match(raw):
        return ProjectName(raw)
    try:
        return project_name(raw)
    except BadName:
        return None


def _check(name: str, count: int, most: int) -> None:
    if count > most:
        raise UpstreamLies(f"{name} lists {count} projects; {most} are allowed at most")


def _check_some(name: str, listed: int, projects: Iterable[ProjectName]) -> None:
    if listed and not projects:
        raise UpstreamLies(f"no entry of {name}'s list of projects can be understood")
