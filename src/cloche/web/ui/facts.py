"""What core metadata says about a project, made fit to be shown: all of it is hearsay."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from cloche.core.errors import BadName
from cloche.core.metadata import Metadata
from cloche.core.model import ProjectName, project_name

MAX_LINKS = 50
MAX_DEPENDENCIES = 500
MAX_CLASSIFIERS = 200
MAX_URL = 2000
MAX_TEXT = 500  # characters of one fact: whole licences stand where their name should
SHORT_LICENCE = 100

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(.*)\Z", re.DOTALL)
_EXTRA = re.compile(r"\bextra\s*==")
_LICENCE = "License :: "


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    url: str
    host: str


@dataclass(frozen=True, slots=True)
class Dependency:
    """`project` is None when the requirement does not begin with a project's name."""

    project: ProjectName | None
    name: str
    rest: str
    optional: bool


@dataclass(frozen=True, slots=True)
class Facts:
    summary: str
    licence: str
    people: tuple[str, ...]
    links: tuple[Link, ...]
    needed: tuple[Dependency, ...]
    optional: tuple[Dependency, ...]
    classifiers: tuple[str, ...]


def facts(metadata: Metadata) -> Facts:
    dependencies = [_dependency(raw) for raw in metadata.requires_dist[:MAX_DEPENDENCIES]]
    return Facts(
        summary=_cut(metadata.summary),
        licence=_licence(metadata),
        people=tuple(_people(metadata)),
        links=tuple(_links(metadata))[:MAX_LINKS],
        needed=tuple(each for each in dependencies if not each.optional),
        optional=tuple(each for each in dependencies if each.optional),
        classifiers=tuple(_cut(each) for each in metadata.classifiers[:MAX_CLASSIFIERS]),
    )


def display_name(name: ProjectName, metadata: Metadata | None) -> str:
    """The name as its authors spell it, if that is the same name."""
    if metadata is None:
        return name
    try:
        same = project_name(metadata.name) == name
    except BadName:
        return name
    return metadata.name if same else name


def link(label: str, url: str) -> Link | None:
    """None unless the URL is one that is safe to follow: http or https, and to a host."""
    url = url.strip()
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        return None
    if len(url) > MAX_URL or not url.isprintable():
        return None
    return Link(_cut(label), url, parts.hostname)


def _links(metadata: Metadata) -> Iterator[Link]:
    """Each address once, under the first label that it has."""
    seen = set()
    said = [
        *metadata.project_urls.items(),
        ("Home page", metadata.home_page),
        ("Download", metadata.download_url),
    ]
    for found in (link(label, url) for label, url in said):
        if found is not None and found.url.rstrip("/") not in seen:
            seen.add(found.url.rstrip("/"))
            yield found


def _licence(metadata: Metadata) -> str:
    """Its expression; else what the authors wrote if that is short; else the classifiers."""
    if metadata.license_expression:
        return _cut(metadata.license_expression)
    written = metadata.license.strip()
    classified = [
        each.rpartition(" :: ")[2] for each in metadata.classifiers if each.startswith(_LICENCE)
    ]
    if written and (len(written) <= SHORT_LICENCE or not classified):
        return _cut(written.partition("\n")[0])
    return _cut(", ".join(classified))


def _people(metadata: Metadata) -> Iterable[str]:
    said = (
        metadata.author or metadata.author_email,
        metadata.maintainer or metadata.maintainer_email,
    )
    return dict.fromkeys(_cut(each) for each in said if each.strip())


def _dependency(raw: str) -> Dependency:
    """Take the name off a requirement to link it; the rest is shown as it is written."""
    optional = bool(_EXTRA.search(raw[:MAX_TEXT]))
    found = _REQUIREMENT.match(raw[:MAX_TEXT])
    try:
        project = project_name(found[1]) if found else None
    except BadName:
        project = None
    if found is None or project is None:
        return Dependency(None, "", _cut(raw), optional)
    return Dependency(project, found[1], found[2].rstrip(), optional)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
