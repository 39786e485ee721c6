"""The simple repository API's bytes: pages in both of its formats, read and written.

PEP 503 (HTML), 592 (yank), 629 (version), 658 and 714 (core metadata), 691 (JSON), 700 (sizes,
times, versions), 740 (provenance), 792 (status).
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from cloche.core import html_page, json_page
from cloche.core.entries import ACTIVE, API_VERSION, QUARANTINED, STATUSES
from cloche.core.errors import UpstreamLies
from cloche.core.filenames import version_of
from cloche.core.markup import escape
from cloche.core.model import File, Page, ProjectName, Unknown
from cloche.core.negotiation import JSON_TYPES, Format

__all__ = [
    "ACTIVE",
    "API_VERSION",
    "QUARANTINED",
    "STATUSES",
    "href",
    "read_page",
    "render_page",
    "render_projects",
    "versions_of",
]

FIRST_SEEN = "first-seen"
"""Of an upload time that an upstream does not state: when this server first saw the file."""


def read_page(
    name: ProjectName, body: bytes, content_type: str, url: str, *, max_files: int
) -> Page:
    """Read a project's page in either format; `url` is what its links are relative to.

    An entry that cannot be understood is left out. Raise UpstreamLies when the page as a whole
    cannot be: a false or empty answer must not pass for a project without files.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in JSON_TYPES:
        return json_page.read(name, body, url, max_files)
    if kind in {Format.HTML, Format.HTML_V1, "application/xhtml+xml"}:
        return html_page.read(name, body, url, max_files)
    raise UpstreamLies(f"the upstream's page of {name} is {kind or 'of no type'}, not a page")


def versions_of(page: Page) -> tuple[str, ...]:
    """The versions that a page states, or those that its filenames tell (PEP 700)."""
    if page.versions:
        return page.versions
    found = (version_of(file.filename) for file in page.files)
    return tuple(dict.fromkeys(version for version in found if version))


def render_page(page: Page, form: Format, prefix: str) -> bytes:
    """Write a page. `prefix` is the relative URL to which a file's key and name are added."""
    if page.status == QUARANTINED:
        page = msgspec.structs.replace(page, files=(), versions=versions_of(page))
    return _json_page(page, prefix) if form is Format.JSON else _html_page(page, prefix)


def href(prefix: str, file: File) -> str:
    """The URL of a file, relative as `prefix` is."""
    return f"{prefix}{file.key}/{quote(file.filename)}"


def _json_page(page: Page, prefix: str) -> bytes:
    # PEP 700 makes the size mandatory from 1.1 on.
    complete = all(file.size is not None for file in page.files)
    unknown = page.unknown or Unknown()
    said: dict[str, Any] = {
        "meta": {"api-version": API_VERSION if complete else "1.0", **(unknown.meta or {})},
        "name": page.name,
        "versions": versions_of(page),
        "files": [_json_entry(file, prefix) for file in page.files],
        **(unknown.page or {}),
    }
    if page.status != ACTIVE or page.status_reason or unknown.status:
        reason = {"reason": page.status_reason} if page.status_reason else {}
        said["project-status"] = {"status": page.status, **reason, **(unknown.status or {})}
    return msgspec.json.encode(said)


class _Entry(Struct, rename="kebab", omit_defaults=True, gc=False):
    """Leaves out what is unknown: uv fails the whole project on a null."""

    filename: str
    url: str
    hashes: dict[str, str]
    size: int | None = None
    upload_time: datetime | str | None = None
    requires_python: str | None = None
    core_metadata: bool | dict[str, str] | None = None
    yanked: bool | str | None = None
    gpg_sig: bool | None = None
    provenance: str | None = None
    time_source: str | None = msgspec.field(name="_upload-time-source", default=None)


def _json_entry(file: File, prefix: str) -> _Entry | dict[str, Any]:
    entry = _Entry(
        file.filename,
        href(prefix, file),
        file.hashes,
        file.size,
        file.upload_time_text or _utc(file.upload_time or file.first_seen),
        file.requires_python,
        file.core_metadata or None,
        file.yanked or None,
        file.gpg_sig,
        file.provenance,
        FIRST_SEEN if file.first_seen and not file.upload_time else None,
    )
    return {**file.unknown, **msgspec.to_builtins(entry)} if file.unknown else entry


def _utc(when: datetime | None) -> datetime | None:
    return when and when.astimezone(UTC)


def _html_page(page: Page, prefix: str) -> bytes:
    status = f'<meta name="pypi:project-status" content="{escape(page.status)}">\n'
    if page.status_reason:
        reason = escape(page.status_reason)
        status += f'<meta name="pypi:project-status-reason" content="{reason}">\n'
    for name, content in ((page.unknown and page.unknown.metas) or {}).items():
        status += f'<meta name="{escape(name)}" content="{escape(content)}">\n'
    links = (html_entry(file, prefix) for file in page.files)
    return _html(f"Links for {page.name}", links, status)


def html_entry(file: File, prefix: str) -> str:
    """A file's link, with all that HTML can say of it."""
    return html_link(file, href(prefix, file))


def render_links(links: Iterable[str]) -> bytes:
    """Write a page of such links, of files of many projects."""
    return _html("Links", links)


def html_link(file: File, target: str) -> str:
    """The same, with another address."""
    best = next((name for name in ("sha256", *file.hashes) if name in file.hashes), None)
    fragment = f"#{best}={file.hashes[best]}" if best else ""
    facts = {
        "data-requires-python": file.requires_python,
        "data-core-metadata": _html_claim(file.core_metadata),
        "data-dist-info-metadata": _html_claim(file.core_metadata),
        "data-yanked": "" if file.yanked is True else file.yanked or None,
        "data-gpg-sig": None if file.gpg_sig is None else str(file.gpg_sig).lower(),
        "data-provenance": file.provenance,
        **(file.attributes or {}),
    }
    attributes = "".join(f' {k}="{escape(v)}"' for k, v in facts.items() if v is not None)
    address = escape(target + fragment)
    return f'<a href="{address}"{attributes}>{escape(file.filename)}</a><br>\n'


def _html_claim(claim: bool | dict[str, str]) -> str | None:  # noqa: FBT001 - PEP 691's own type
    if isinstance(claim, dict):
        name = "sha256" if "sha256" in claim else next(iter(claim))
        return f"{name}={claim[name]}"
    return "true" if claim else None


def render_projects(names: Iterable[ProjectName], form: Format) -> bytes:
    """Write the list of projects (PEP 503 and 691's root page)."""
    if form is Format.JSON:
        projects = [{"name": name} for name in names]
        return msgspec.json.encode({"meta": {"api-version": API_VERSION}, "projects": projects})
    return _html("Simple index", (f'<a href="{name}/">{name}</a><br>\n' for name in names))


def _html(title: str, links: Iterable[str], head: str = "") -> bytes:
    return (
        # The content type v1+html has no parameter to say so.
        '<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="pypi:repository-version" content="{API_VERSION}">\n{head}'
        f"<title>{escape(title)}</title>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n"
        f"{''.join(links)}</body>\n</html>\n"
    ).encode()
