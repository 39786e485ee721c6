"""PyPI's JSON API: a project and its releases as one document, every field that PyPI has."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from cloche.core.advisories import Advisory, concerned
from cloche.core.errors import BadName
from cloche.core.filenames import Brief, brief, parse
from cloche.core.metadata import Metadata
from cloche.core.model import File, Page, ProjectName, Upload
from cloche.core.releases import Release
from cloche.core.wire import href

PARTS = ("info", "last_serial", "ownership", "urls", "vulnerabilities", "releases")
"""What the document is made of."""

UNCOUNTED = -1  # what PyPI says of downloads, too

_DAY = "%Y-%m-%dT%H:%M:%S"


class Account(Struct, frozen=True, kw_only=True):
    """Everything that is told of a project. `packages` is the address before files' keys."""

    page: Page
    releases: list[Release]
    serial: int
    address: str  # of its page for people
    packages: str
    uploads: Mapping[str, Upload] = {}  # by filename, for those that were uploaded here
    advisories: tuple[Advisory, ...] = ()  # what is known against any version


def render(
    account: Account, release: Release, metadata: Metadata | None, *, history: bool
) -> bytes:
    """Write the document about one release; with `history`, of all that there are too."""
    said = {
        name: part(name, account, release, metadata)
        for name in PARTS
        if history or name != "releases"
    }
    return msgspec.json.encode(said)


def part(name: str, account: Account, release: Release, metadata: Metadata | None) -> object:
    """One of `PARTS`."""
    match name:
        case "info":
            return info(account, release, metadata)
        case "last_serial":
            return account.serial
        case "ownership":
            return {"organization": None, "roles": roles(account)}
        case "releases":
            return _history(account)
        case "urls":
            return files(account, release)
        case _:
            return vulnerabilities(account, release)


def info(account: Account, release: Release, metadata: Metadata | None) -> dict[str, Any]:
    """What the release says of itself. What nobody knows is null, as PyPI has it."""
    return {
        **_described(metadata or _bare(account.page.name, release)),
        **_requirements(metadata, release),
        "bugtrack_url": None,
        "docs_url": None,
        "downloads": dict.fromkeys(("last_day", "last_month", "last_week"), UNCOUNTED),
        "name": _display_name(account, metadata),
        "package_url": account.address,
        "project_url": account.address,
        "release_url": account.address,
        "version": release.version and str(release.version),
        "yanked": release.yanked,
        "yanked_reason": _reason(release.files[0]) if release.yanked else None,
    }


def files(account: Account, release: Release) -> list[dict[str, Any]]:
    """A release's files, with absolute addresses."""
    return [_file(account, file) for file in release.files]


def vulnerabilities(account: Account, release: Release) -> list[dict[str, Any]]:
    """What is known against the release, in PyPI's shape."""
    if release.version is None:
        return []
    found = concerned(account.advisories, [release.version]).get(release.version, ())
    return list({each.id: _vulnerability(each) for each in found}.values())


def roles(account: Account) -> list[dict[str, str]]:
    """Who may be called a maintainer: those who have uploaded what is there."""
    users = dict.fromkeys(upload.uploaded_by for upload in account.uploads.values())
    return [{"role": "Maintainer", "user": user} for user in users]


def _history(account: Account) -> dict[str, list[dict[str, Any]]]:
    """All versions in ascending order, those without files too."""
    told = {str(r.version): files(account, r) for r in account.releases if r.version is not None}
    empty: dict[str, list[dict[str, Any]]] = {
        version: [] for version in account.page.versions if version not in told
    }
    return {**empty, **dict(reversed(told.items()))}


def _bare(name: ProjectName, release: Release) -> Metadata:
    """What can be said without any metadata."""
    return Metadata(metadata_version="", name=name, version=str(release.version or ""))


def _described(metadata: Metadata) -> dict[str, Any]:
    return {
        "author": metadata.author or None,
        "author_email": metadata.author_email or None,
        "classifiers": metadata.classifiers,
        "description": metadata.description or None,
        "description_content_type": metadata.description_content_type,
        "download_url": metadata.download_url or None,
        "dynamic": metadata.dynamic or None,
        "home_page": metadata.home_page or None,
        "keywords": ",".join(metadata.keywords) or None,
        "license": metadata.license or None,
        "license_expression": metadata.license_expression,
        "license_files": metadata.license_files or None,
        "maintainer": metadata.maintainer or None,
        "maintainer_email": metadata.maintainer_email or None,
        "platform": ",".join(metadata.platforms) or None,
        "project_urls": metadata.project_urls or None,
        "summary": metadata.summary or None,
    }


def _requirements(metadata: Metadata | None, release: Release) -> dict[str, Any]:
    """Null for the dependencies says that they are not known: an empty list would be a lie."""
    if metadata is None:
        stated = (file.requires_python for file in release.files if file.requires_python)
        return {
            "requires_dist": None,
            "provides_extra": None,
            "requires_python": next(stated, None),
        }
    return {
        "requires_dist": metadata.requires_dist or None,
        "provides_extra": metadata.provides_extra or None,
        "requires_python": metadata.requires_python,
    }


def _display_name(account: Account, metadata: Metadata | None) -> str:
    if metadata is not None:
        return metadata.name
    return next((u.display_name for u in account.uploads.values()), account.page.name)


def _file(account: Account, file: File) -> dict[str, Any]:
    """What is said of it, with our address, and the digests that were taken when it came."""
    digests = _digests(file, account.uploads.get(file.filename))
    ours = {
        "digests": digests,
        "md5_digest": digests.get("md5"),
        "url": href(account.packages, file),
    }
    return {name: field(file) for name, field in FILE_FIELDS.items()} | ours


def _vulnerability(advisory: Advisory) -> dict[str, Any]:
    return {
        "aliases": advisory.aliases,
        "details": advisory.details,
        "fixed_in": advisory.fixed_in,
        "id": advisory.id,
        "link": f"https://osv.dev/vulnerability/{advisory.id}",
        "source": "osv",
        "summary": advisory.summary or None,
        "withdrawn": advisory.withdrawn and _exactly(advisory.withdrawn),
    }


def _python_version(filename: str, said: Brief) -> str | None:
    """A wheel's tag as it is written, as uploaders state it to PyPI."""
    if said.pythons:
        return said.pythons
    try:
        return parse(filename).pyversion
    except BadName:
        return None


def _digests(file: File, upload: Upload | None) -> dict[str, str]:
    known = {**file.hashes, **(upload.hashes if upload else {})}
    if "blake2_256" in known:
        known["blake2b_256"] = known.pop("blake2_256")
    return known


def _exactly(when: datetime) -> str:
    return when.astimezone(UTC).strftime(f"{_DAY}.%fZ")


def _reason(file: File) -> str | None:
    return file.yanked if isinstance(file.yanked, str) else None


FILE_FIELDS: Mapping[str, Callable[[File], object]] = {
    "comment_text": lambda _: "",
    "core-metadata": lambda file: file.core_metadata,
    "digests": lambda file: _digests(file, None),
    "downloads": lambda _: UNCOUNTED,
    "filename": lambda file: file.filename,
    "has_sig": lambda file: bool(file.gpg_sig),
    "md5_digest": lambda file: file.hashes.get("md5"),
    "packagetype": lambda file: brief(file.filename).filetype or None,
    "python_version": lambda file: _python_version(file.filename, brief(file.filename)),
    "requires_python": lambda file: file.requires_python,
    "size": lambda file: file.size,
    "upload_time": lambda file: (
        file.upload_time and file.upload_time.astimezone(UTC).strftime(_DAY)
    ),
    "upload_time_iso_8601": lambda file: file.upload_time and _exactly(file.upload_time),
    "url": lambda file: file.url or None,
    "yanked": lambda file: bool(file.yanked),
    "yanked_reason": _reason,
}
"""What is said of a file: its upstream's address of it, and the digests that a page has."""
