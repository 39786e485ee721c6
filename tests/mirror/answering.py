"""What the scripted upstream answers: PyPI's APIs, made of the world as it is."""

import html
import json
from dataclasses import dataclass
from typing import Any, Literal

from packaging.version import Version

from tests.mirror.world import Listed, Project, World
from tests.upstream.answers import HTML, JSON

Flavour = Literal["json", "xmlrpc", "plain"]
FLAVOURS: tuple[Flavour, ...] = ("json", "xmlrpc", "plain")
"""How the list of projects tells serials: each in JSON (PEP 691), by XML-RPC alone, not at all."""


@dataclass(frozen=True, slots=True)
class Said:
    body: bytes
    media_type: str
    serial: int | None


def root(world: World, flavour: Flavour) -> Said:
    """The list of all projects."""
    projects, serial = world.listed()
    if flavour == "json":
        listed = [{"name": name, "_last-serial": last} for name, last in projects.items()]
        return _json({"meta": _meta(serial), "projects": listed}, serial)
    links = "".join(f'<a href="/{flavour}/simple/{name}/">{name}</a>\n' for name in projects)
    return _html(links, None if flavour == "plain" else serial)


def page(project: Project, flavour: Flavour, base: str) -> Said:
    """The page of one project."""
    if flavour == "json":
        said: dict[str, Any] = {
            "meta": _meta(project.serial),
            "name": project.display,
            "versions": sorted({each.built.version for each in project.offered}),
            "files": [_entry(each, base) for each in project.offered],
        }
        if project.status != "active":
            reason = {"reason": project.reason} if project.reason else {}
            said["project-status"] = {"status": project.status, **reason}
        return _json(said, project.serial)
    links = "".join(_link(each, base) for each in project.offered)
    return _html(links, None if flavour == "plain" else project.serial, _status(project))


def legacy(project: Project, base: str) -> Said:
    """The project's document of PyPI's JSON API, as far as mirrors read it."""
    releases: dict[str, list[dict[str, Any]]] = {}
    for each in project.offered:
        releases.setdefault(each.built.version, []).append(_release(each, base))
    stable = [each for each in map(Version, releases) if not each.is_prerelease]
    newest = str(max(stable)) if stable else ""
    info = {"name": project.display, "version": newest, "yanked": False}
    said = {"info": info, "last_serial": project.serial, "releases": releases, "urls": []}
    return Said(json.dumps(said).encode(), "application/json", project.serial)


def called(world: World, method: str, parameters: tuple[Any, ...]) -> Any:
    """The answer to a call by XML-RPC; None when there is no such method."""
    projects, serial = world.listed()
    match method:
        case "changelog_last_serial":
            return serial
        case "list_packages_with_serial":
            return projects
        case "list_packages":
            return list(projects)
        case "changelog_since_serial":
            return [
                [each.display, each.version, each.serial, each.action, each.serial]
                for each in world.changes
                if parameters[0] < each.serial <= serial
            ]
    return None


def _json(said: dict[str, Any], serial: int) -> Said:
    return Said(json.dumps(said).encode(), JSON, serial)


def _html(links: str, serial: int | None, head: str = "") -> Said:
    version = '<meta name="pypi:repository-version" content="1.4">'
    body = f"<!DOCTYPE html>\n<html><head>{version}{head}</head><body>\n{links}</body></html>\n"
    return Said(body.encode(), HTML, serial)


def _meta(serial: int) -> dict[str, Any]:
    return {"api-version": "1.4", "_last-serial": serial}


def _entry(each: Listed, base: str) -> dict[str, Any]:
    metadata = {"sha256": each.built.metadata_sha256} if each.has_metadata else False
    return {
        "filename": each.built.filename,
        "url": base + each.path,
        "hashes": {"sha256": each.built.sha256},
        "size": each.built.size,
        "upload-time": each.uploaded,
        "yanked": each.yanked,
        "core-metadata": metadata,
    }


def _link(each: Listed, base: str) -> str:
    attributes = ""
    if each.has_metadata:
        attributes += f' data-core-metadata="sha256={each.built.metadata_sha256}"'
    if each.yanked is not False:
        reason = each.yanked if isinstance(each.yanked, str) else ""
        attributes += f' data-yanked="{html.escape(reason)}"'
    address = f"{base}{each.path}#sha256={each.built.sha256}"
    return f'<a href="{address}"{attributes}>{each.built.filename}</a>\n'


def _status(project: Project) -> str:
    if project.status == "active":
        return ""
    tags = f'<meta name="pypi:project-status" content="{project.status}">'
    if project.reason:
        tags += f'<meta name="pypi:project-status-reason" content="{html.escape(project.reason)}">'
    return tags


def _release(each: Listed, base: str) -> dict[str, Any]:
    built = each.built
    return {
        "filename": built.filename,
        "url": base + each.path,
        "digests": {"sha256": built.sha256, "md5": built.md5, "blake2b_256": built.blake2_256},
        "size": built.size,
        "upload_time": each.uploaded.partition(".")[0],
        "upload_time_iso_8601": each.uploaded,
        "packagetype": "bdist_wheel" if each.has_metadata else "sdist",
        "requires_python": built.requires_python,
        "yanked": each.yanked is not False,
        "yanked_reason": each.yanked if isinstance(each.yanked, str) else None,
        "core-metadata": {"sha256": built.metadata_sha256} if each.has_metadata else False,
    }
