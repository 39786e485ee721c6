"""What a good index answers: negotiation, rendering, conditional requests and ranges."""

import hashlib
import html
import json
import re
from collections.abc import Iterable
from email import message_from_bytes
from typing import Any

from tests.upstream.answers import HTML, JSON, Answer, Asked, Page, Resource
from tests.upstream.model import File, Project

MODIFIED = "Wed, 01 Jan 2025 00:00:00 GMT"
RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def page_of(project: Project, asked: Asked) -> Page:
    """Write the JSON document of a project (PEP 691, 700, 714, 792)."""
    files = [{"url": _url(project, file, asked), **file.entry} for file in project.files.values()]
    meta: dict[str, Any] = {"api-version": project.api_version}
    if project.serial is not None:
        meta["_last-serial"] = project.serial
    document = {
        "meta": meta,
        "name": project.name,
        "versions": _versions(project),
        "files": files,
        **project.extra,
    }
    return Page(project, document)


def _versions(project: Project) -> list[str]:
    """Take the versions out of the filenames, each once, in the order of the files."""
    stems = (name.removesuffix(".tar.gz").removesuffix(".zip") for name in project.files)
    return list(dict.fromkeys(stem.split("-")[1] for stem in stems if "-" in stem))


def _url(project: Project, file: File, asked: Asked) -> str:
    path = f"files/{project.name}/{file.filename}"
    match project.urls:
        case "relative":
            return f"../../{path}"
        case "absolute":
            return f"{asked.base}/{path}"
        case "other":
            return f"{asked.other}/{path}"


def resource_of_page(page: Page, asked: Asked) -> Resource:
    """Render the page in the format that the request asks for."""
    media_type = negotiated(asked.headers.get("Accept", ""), page.formats)
    content = json.dumps(page.document).encode() if media_type == JSON else _html(page.document)
    headers = {"Content-Type": media_type, "Vary": "Accept, Accept-Encoding"}
    if page.project.max_age is not None:
        headers["Cache-Control"] = f"max-age={page.project.max_age}, public"
    if page.project.serial is not None:
        headers["X-PyPI-Last-Serial"] = str(page.project.serial)
    etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
    return Resource(asked, content, headers, etag if page.project.etag else None)


def document_of(project: Project, asked: Asked) -> Resource | None:
    """Write what PyPI's JSON API says of the project, as far as anybody here reads it."""
    if not project.files:
        return None
    *_, last = project.files.values()
    metadata = message_from_bytes(last.metadata or b"")
    info = {"name": project.name, "requires_dist": metadata.get_all("Requires-Dist")}
    content = json.dumps({"info": info, "last_serial": project.serial or 1}).encode()
    return Resource(asked, content, {"Content-Type": "application/json"}, None)


def links_of(projects: Iterable[Project], asked: Asked) -> Resource:
    """Write one page of links to the files of all projects, as `--find-links` takes it."""
    files = [
        {**entry, "url": f"files/{project.name}/{entry['filename']}"}
        for project in projects
        for entry in page_of(project, asked).document["files"]
    ]
    content = _html({"files": files})
    etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
    headers = {"Content-Type": HTML, "Cache-Control": "max-age=600, public"}
    return Resource(asked, content, headers, etag)


def negotiated(accept: str, formats: tuple[str, ...]) -> str:
    """Choose the format of the highest q-value; HTML when none fits, as PyPI does."""
    best, quality = HTML if HTML in formats else formats[0], 0.0
    for part in accept.lower().split(","):
        media_type, _, parameters = part.strip().partition(";")
        q = re.search(r"q=([\d.]+)", parameters)
        value = float(q[1]) if q else 1.0
        if media_type.strip() in formats and value > quality:
            best, quality = media_type.strip(), value
    return best


def resource_of_file(content: bytes, asked: Asked) -> Resource:
    """Describe a file, or the metadata beside one: it never changes."""
    headers = {
        "Content-Type": "application/octet-stream",
        "Cache-Control": "max-age=365000000, immutable, public",
        "Last-Modified": MODIFIED,
    }
    return Resource(
        asked, content, headers, f'"{hashlib.sha256(content).hexdigest()[:32]}"', ranges=True
    )


def answer_of(resource: Resource) -> Answer:
    """Answer the request for the resource: 200, 206, 304 or 416 (RFC 9110)."""
    asked, headers = resource.asked, dict(resource.headers)
    if resource.etag:
        headers["ETag"] = resource.etag
    if resource.etag and _none_match(asked.headers.get("If-None-Match", ""), resource.etag):
        return Answer(asked, 304, headers)
    content = resource.content
    if resource.ranges:
        headers["Accept-Ranges"] = "bytes"
        if span := _range(resource):
            return _partial(resource, span, headers)
    return Answer(asked, 200, headers, content, len(content))


def _none_match(header: str, etag: str) -> bool:
    wanted = {part.strip().removeprefix("W/") for part in header.split(",")}
    return header.strip() == "*" or etag in wanted


def _range(resource: Resource) -> tuple[int, int] | None:
    """Return the asked range, both ends inclusive; None where the whole must be sent."""
    asked = resource.asked
    found = RANGE.fullmatch(asked.headers.get("Range", "").replace(" ", ""))
    if asked.method != "GET" or not found or found[0] == "bytes=-":
        return None
    if asked.headers.get("If-Range", resource.etag) not in (resource.etag, MODIFIED):
        return None
    total = len(resource.content)
    first, last = found[1], found[2]
    if not first:
        return max(0, total - int(last)), total - 1
    return int(first), min(int(last), total - 1) if last else total - 1


def _partial(resource: Resource, span: tuple[int, int], headers: dict[str, str]) -> Answer:
    asked, content = resource.asked, resource.content
    first, last = span
    if first > last:
        return Answer(asked, 416, {"Content-Range": f"bytes */{len(content)}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    part = content[first : last + 1]
    return Answer(asked, 206, headers, part, len(part))


def _html(document: dict[str, Any]) -> bytes:
    """Write the page in HTML, with what HTML can say of it (PEP 503, 592, 658, 740)."""
    version = document.get("meta", {}).get("api-version", "1.0")
    head = f'<meta name="pypi:repository-version" content="{version}">'
    status = document.get("project-status") or {}
    for key, name in (("status", "project-status"), ("reason", "project-status-reason")):
        if key in status:
            head += f'<meta name="pypi:{name}" content="{html.escape(status[key])}">'
    anchors = "<br>\n".join(_anchor(entry) for entry in document["files"])
    return f"<!DOCTYPE html>\n<html><head>{head}</head><body>\n{anchors}\n</body></html>\n".encode()


def _anchor(entry: dict[str, Any]) -> str:
    url = str(entry.get("url", ""))
    for algorithm, digest in (entry.get("hashes") or {}).items():
        url += f"#{algorithm}={digest}"
        break
    attributes = {"href": url, **_attributes(entry)}
    written = " ".join(f'{key}="{html.escape(value)}"' for key, value in attributes.items())
    return f"<a {written}>{html.escape(str(entry.get('filename', '')))}</a>"


def _attributes(entry: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    if requires_python := entry.get("requires-python"):
        found["data-requires-python"] = requires_python
    if yanked := entry.get("yanked"):
        found["data-yanked"] = "" if yanked is True else str(yanked)
    if metadata := entry.get("core-metadata"):
        value = "true" if metadata is True else "sha256=" + metadata["sha256"]
        found["data-core-metadata"] = found["data-dist-info-metadata"] = value
    if provenance := entry.get("provenance"):
        found["data-provenance"] = provenance
    return found
