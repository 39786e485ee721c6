"""The simple repository API's bytes: pages in both of its formats, read and written.

PEP 503 (HTML), 592 (yank), 629 (version), 658 and 714 (core metadata), 691 (JSON), 700 (sizes,
times, versions), 740 (provenance), 792 (status).
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urljoin

import msgspec
from msgspec import Struct
from selectolax.lexbor import LexborHTMLParser, LexborNode

from cloche.core.addresses import absolute, secure
from cloche.core.errors import BadName, UpstreamLies
from cloche.core.filenames import version_of
from cloche.core.markup import escape
from cloche.core.model import (
    File,
    Page,
    ProjectName,
    Status,
    project_name,
    safe_filename,
    sane_hashes,
)
from cloche.core.negotiation import JSON_TYPES, Format

API_VERSION = "1.4"
MAX_SIZE = 2**63 - 1  # bytes: uv reads a size into 64 bits, and fails the project on a greater one
ACTIVE = Status.ACTIVE.value
QUARANTINED = Status.QUARANTINED.value  # PEP 792: offer no files
STATUSES = frozenset(status.value for status in Status)

T = TypeVar("T")


# Reading what an upstream sent ---------------------------------------------------------------


class _JsonFile(Struct, kw_only=True):
    """Every value may be null: older and careless servers write that for "unknown"."""

    filename: str
    url: str
    hashes: dict[str, str | None] | None = None
    size: int | None = None
    upload_time: datetime | None = msgspec.field(name="upload-time", default=None)
    requires_python: str | None = msgspec.field(name="requires-python", default=None)
    core_metadata: bool | dict[str, str] | None = msgspec.field(name="core-metadata", default=None)
    old_metadata: bool | dict[str, str] | None = msgspec.field(
        name="dist-info-metadata", default=None
    )
    pypi_metadata: bool | dict[str, str] | None = msgspec.field(
        name="data-dist-info-metadata", default=None
    )
    yanked: bool | str | None = None
    provenance: str | None = None


class _Meta(Struct, kw_only=True):
    api_version: str | None = msgspec.field(name="api-version", default=None)


class _Status(Struct, kw_only=True):
    status: str | None = None
    reason: str | None = None


class _JsonPage(Struct, kw_only=True):
    files: list[msgspec.Raw]
    meta: _Meta | None = None
    name: str | None = None
    versions: list[str | None] | None = None
    status: _Status | None = msgspec.field(name="project-status", default=None)


_decode_page = msgspec.json.Decoder(_JsonPage).decode
_decode_file = msgspec.json.Decoder(_JsonFile).decode


def read_page(
    name: ProjectName, body: bytes, content_type: str, url: str, *, max_files: int
) -> Page:
    """Read a project's page in either format; `url` is what its links are relative to.

    An entry that cannot be understood is left out. Raise UpstreamLies when the page as a whole
    cannot be: a false or empty answer must not pass for a project without files.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in JSON_TYPES:
        return _read_json(name, body, url, max_files)
    if kind in {Format.HTML, Format.HTML_V1, "application/xhtml+xml"}:
        return _read_html(name, body, url, max_files)
    raise UpstreamLies(f"the upstream's page of {name} is {kind or 'of no type'}, not a page")


def _read_json(name: ProjectName, body: bytes, url: str, max_files: int) -> Page:
    try:
        page = _decode_page(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise UpstreamLies(f"the upstream's page of {name} is not a JSON page: {e}") from None
    _check_version(name, page.meta.api_version if page.meta else None)
    if page.name is not None and not _same(page.name, name):
        raise UpstreamLies(f"the upstream answered for {page.name!r} when asked for {name}")
    _check_count(name, len(page.files), max_files)
    said = page.status or _Status()
    status, reason = _status(said.status, said.reason)
    return Page(
        name=name,
        files=_sound(name, len(page.files), (_json_file(raw, url) for raw in page.files)),
        versions=tuple(dict.fromkeys(version for version in page.versions or () if version)),
        status=status,
        status_reason=reason,
    )


def _json_file(raw: msgspec.Raw, base: str) -> File | None:
    try:
        said = _decode_file(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    names = (said.core_metadata, said.old_metadata, said.pypi_metadata)
    metadata = next((claim for claim in names if claim is not None), None)
    return _file(
        filename=said.filename,
        href=said.url,
        base=base,
        hashes={key: value for key, value in (said.hashes or {}).items() if value},
        size=said.size if said.size is not None and 0 <= said.size <= MAX_SIZE else None,
        upload_time=_zoned(said.upload_time),
        requires_python=said.requires_python,
        core_metadata=_metadata_claim(metadata),
        yanked=said.yanked or False,
        provenance=said.provenance,
    )


# Every tag but those that say something here or hide what looks like one. The parser's time
# grows with the square of the nesting: 300 KB of <div> took it 4 s.
_BESIDE_THE_POINT = re.compile(
    rb"</?(?!(?:a|base|meta|script|style|title)[\s/>])[a-z][^<>]*>", re.IGNORECASE
)


def _read_html(name: ProjectName, body: bytes, url: str, max_files: int) -> Page:
    tree = LexborHTMLParser(_BESIDE_THE_POINT.sub(b"", body))
    metas = {
        node.attributes.get("name"): node.attributes.get("content")
        for node in tree.css("meta[name]")
    }
    version = metas.get("pypi:repository-version")
    _check_version(name, version)
    links = tree.css("a[href]")
    if not links and version is None:
        # A log-in page or a proxy's apology is HTML without links too.
        raise UpstreamLies(f"the upstream's page of {name} lists nothing and is not marked a page")
    _check_count(name, len(links), max_files)
    base = _base(tree, url)
    status, reason = _status(
        metas.get("pypi:project-status"), metas.get("pypi:project-status-reason")
    )
    return Page(
        name=name,
        files=_sound(name, len(links), (_html_file(link, base) for link in links)),
        status=status,
        status_reason=reason,
    )


def _base(tree: LexborHTMLParser, url: str) -> str:
    """What links are relative to: `<base>` says so, if it says anything that makes sense."""
    node = tree.css_first("base[href]")
    try:
        return urljoin(url, node.attributes.get("href") or "") if node else url
    except ValueError:
        return url


def _html_file(link: LexborNode, base: str) -> File | None:
    said = link.attributes
    href, _, fragment = (said.get("href") or "").strip().partition("#")
    algorithm, _, value = fragment.partition("&")[0].partition("=")
    metadata = said.get("data-core-metadata", said.get("data-dist-info-metadata"))
    return _file(
        filename=unquote(href.partition("?")[0].rpartition("/")[2]),
        href=href,
        base=base,
        hashes={algorithm: value},
        requires_python=said.get("data-requires-python"),
        core_metadata=_metadata_claim(_html_metadata(metadata)),
        yanked=(said["data-yanked"] or True) if "data-yanked" in said else False,
        provenance=said.get("data-provenance"),
    )


def _html_metadata(said: str | None) -> bool | dict[str, str]:
    algorithm, _, value = (said or "").partition("=")
    return {algorithm: value} if value else algorithm.lower() == "true"


def _file(
    *,
    filename: str,
    href: str,
    base: str,
    hashes: dict[str, str],
    provenance: str | None,
    **facts: Any,
) -> File | None:
    """Make a File of an upstream's words, or None when name or address are not acceptable."""
    url = absolute(href, base)
    if url is None or not safe_filename(filename):
        return None
    return File(
        filename=filename,
        url=url,
        hashes=sane_hashes(hashes),
        provenance=secure(provenance, base) if provenance else None,
        **facts,
    )


def _metadata_claim(said: bool | dict[str, str] | None) -> bool | dict[str, str]:  # noqa: FBT001 - PEP 691's own type
    return (sane_hashes(said) or True) if isinstance(said, dict) else bool(said)


def _sound(name: ProjectName, listed: int, files: Iterable[File | None]) -> tuple[File, ...]:
    """Keep the first file of each name. Some must remain of a page that listed any."""
    found = {file.filename: file for file in reversed([f for f in files if f is not None])}
    if listed and not found:
        raise UpstreamLies(f"no entry of the upstream's page of {name} can be understood")
    return tuple(reversed(found.values()))


def _status(status: str | None, reason: str | None) -> tuple[str, str | None]:
    """The status as PEP 792 knows it. A client may fail on another, so that counts as none."""
    return (status, reason or None) if status in STATUSES else (ACTIVE, None)


def _zoned(when: datetime | None) -> datetime | None:
    """The time in UTC; None when that lies outside of the years that can be written."""
    if when is None:
        return None
    try:
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except OverflowError:
        return None


def _same(raw: str, name: ProjectName) -> bool:
    try:
        return project_name(raw) == name
    except BadName:
        return False


def _check_version(name: ProjectName, version: str | None) -> None:
    # PEP 629: a greater major version cannot be understood.
    if (version or API_VERSION).partition(".")[0] != "1":
        raise UpstreamLies(f"the upstream's page of {name} is of API version {version}, not 1.x")


def _check_count(name: ProjectName, count: int, most: int) -> None:
    if count > most:
        raise UpstreamLies(
            f"the upstream's page of {name} lists {count} files; max_files allows {most}"
        )


# Writing what clients read -------------------------------------------------------------------


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
    said: dict[str, Any] = {
        "meta": {"api-version": API_VERSION if complete else "1.0"},
        "name": page.name,
        "versions": versions_of(page),
        "files": [_json_entry(file, prefix) for file in page.files],
    }
    if page.status != ACTIVE or page.status_reason:
        reason = {"reason": page.status_reason} if page.status_reason else {}
        said["project-status"] = {"status": page.status, **reason}
    return msgspec.json.encode(said)


def _json_entry(file: File, prefix: str) -> dict[str, Any]:
    """Leave out what is unknown: uv fails the whole project on a null."""
    entry: dict[str, Any] = {
        "filename": file.filename,
        "url": href(prefix, file),
        "hashes": file.hashes,
        "size": file.size,
        "upload-time": file.upload_time and file.upload_time.astimezone(UTC),
        "requires-python": file.requires_python,
        "core-metadata": file.core_metadata or None,
        "yanked": file.yanked or None,
        "gpg-sig": file.gpg_sig,
        "provenance": file.provenance,
    }
    return {key: value for key, value in entry.items() if value is not None}


def _html_page(page: Page, prefix: str) -> bytes:
    status = f'<meta name="pypi:project-status" content="{escape(page.status)}">\n'
    if page.status_reason:
        reason = escape(page.status_reason)
        status += f'<meta name="pypi:project-status-reason" content="{reason}">\n'
    links = (_html_entry(file, prefix) for file in page.files)
    return _html(f"Links for {page.name}", links, status)


def _html_entry(file: File, prefix: str) -> str:
    best = next((name for name in ("sha256", *file.hashes) if name in file.hashes), None)
    fragment = f"#{best}={file.hashes[best]}" if best else ""
    facts = {
        "data-requires-python": file.requires_python,
        "data-core-metadata": _html_claim(file.core_metadata),
        "data-dist-info-metadata": _html_claim(file.core_metadata),
        "data-yanked": "" if file.yanked is True else file.yanked or None,
        "data-gpg-sig": None if file.gpg_sig is None else str(file.gpg_sig).lower(),
        "data-provenance": file.provenance,
    }
    attributes = "".join(f' {k}="{escape(v)}"' for k, v in facts.items() if v is not None)
    address = escape(href(prefix, file) + fragment)
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
