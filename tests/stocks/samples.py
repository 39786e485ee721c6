"""Places as other systems leave them, each with the same two files of one project.

Laid out as devpi-server 6.20, proxpi 1.3, bandersnatch 6 and 8 wrote them when they were run, and
as the sources of PyPI Cloud 1.3 and of pypicache say.
"""

import hashlib
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from tests.packages import Built, sdist, wheel

SALT = wheel("salt", "1.0", size=60_000, requires_python=">=3.8")
SALT_SDIST = sdist("salt", "1.0")
FILES = (SALT, SALT_SDIST)
THEN = datetime(2021, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)
"""When the systems say, or their files do, that these were uploaded."""

REASON = "see 1.1"
"""Why SALT_SDIST is yanked, where the system knows of yanks."""


def put(path: Path, content: bytes, when: datetime = THEN) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    nanoseconds = int(when.replace(microsecond=0).timestamp()) * 10**9 + when.microsecond * 1000
    os.utime(path, ns=(nanoseconds, nanoseconds))
    return path


def put_json(path: Path, said: Any) -> Path:
    return put(path, msgspec.json.encode(said))


def folder(root: Path) -> None:
    """A wheelhouse, with what lies about in one."""
    put(root / SALT.filename, SALT.content)
    put(root / "old" / SALT_SDIST.filename, SALT_SDIST.content)
    put(root / "index.html", b"<a href=salt>")


def pypicache(root: Path) -> None:
    for built in FILES:
        put(root / "packages" / "s" / "salt" / built.filename, built.content)


def pypi_path(built: Built) -> str:
    """Where PyPI's address of a file leads."""
    digest = built.blake2_256
    return f"packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{built.filename}"


def proxpi(root: Path) -> None:
    for built in FILES:
        put(root / "files-example-org" / pypi_path(built), built.content)
    put(root / "files-example-org" / f"{pypi_path(SALT)}.proxpi-partial", b"half")


def pypicloud(root: Path) -> None:
    """The layout of its buckets."""
    for built in FILES:
        put(root / pypicloud_key(built), built.content)


def pypicloud_key(built: Built) -> str:
    named = hashlib.md5(built.filename.encode(), usedforsecurity=False).hexdigest()[:4]
    return f"{named}/salt/{built.filename}"


def pypicloud_folder(root: Path) -> None:
    for built in FILES:
        path = put(root / "salt" / "1.0" / built.filename, built.content)
        note = {"summary": "x", "hash_sha256": built.sha256, "hash_md5": built.md5}
        put_json(path.with_name(f"{path.name}.meta"), {**note, "uploader": "alice"})


def pypi_json(*files: Built, host: str = "https://files.example.org") -> dict[str, Any]:
    """What PyPI's JSON API says of the project, as bandersnatch keeps it."""
    return {
        "info": {"name": "salt", "version": "1.0"},
        "last_serial": 7,
        "releases": {"0.9": [], "1.0": [_release(built, host) for built in files]},
    }


def _release(built: Built, host: str) -> dict[str, Any]:
    yanked = built is SALT_SDIST
    wheel_metadata = {"sha256": built.metadata_sha256} if built is SALT else False
    return {
        "filename": built.filename,
        "url": f"{host}/{pypi_path(built)}",
        "digests": {"md5": built.md5, "sha256": built.sha256, "blake2b_256": built.blake2_256},
        "size": built.size,
        "upload_time_iso_8601": THEN.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "requires_python": built.requires_python,
        "yanked": yanked,
        "yanked_reason": REASON if yanked else None,
        "core-metadata": wheel_metadata,
    }


def simple_json(*files: Built) -> dict[str, Any]:
    return {
        "files": [
            {
                "filename": built.filename,
                "hashes": {"sha256": built.sha256},
                "requires-python": built.requires_python or "",
                "size": built.size,
                "upload-time": THEN.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "url": f"../../{pypi_path(built)}",
                "yanked": built is SALT_SDIST,
            }
            for built in sorted(files, key=lambda each: each.filename)
        ],
        "meta": {"api-version": "1.1", "_last-serial": "7"},
        "name": "salt",
        "versions": ["0.9", "1.0"],
    }


def bandersnatch(root: Path) -> None:
    """With `json = true`."""
    bandersnatch_without_json(root)
    put_json(root / "web" / "json" / "salt", pypi_json(*FILES))


def bandersnatch_without_json(root: Path) -> None:
    put(root / "status", b"7")
    put(root / "web" / "simple" / "index.html", b"<a href=salt/>salt</a>")
    put_json(root / "web" / "simple" / "salt" / "index.v1_json", simple_json(*FILES))
    for built in FILES:
        put(root / "web" / pypi_path(built), built.content)


def devpi(
    root: Path,
    indexes: Sequence[str] = ("alice/dev",),
    guides: Sequence[str] = (),
    yanked: bool | str | None = None,  # noqa: FBT001 - as PEP 592 has it
) -> None:
    """The export of a server with an empty index and full ones."""
    version: dict[str, bool | str] = {"name": "salt", "version": "1.0"}
    version |= {} if yanked is None else {"yanked": yanked}
    full = {
        index: {
            "indexconfig": {"type": "stage", "bases": ["root/pypi"]},
            "projects": {"salt": {"1.0": version}},
            "files": [
                *(_devpi_file(root, index, built) for built in FILES),
                *(_devpi_guide(root, index, version) for version in guides),
            ],
        }
        for index in indexes
    }
    users = {"alice": {"username": "alice", "pwhash": "x"}}
    every = {"root/pypi": {"indexconfig": {"type": "mirror"}}, **full}
    said = {"dumpversion": "2", "devpi_server": "6.20.3", "users": users, "indexes": every}
    put_json(root / "dataindex.json", said)


def _devpi_file(root: Path, index: str, built: Built) -> dict[str, Any]:
    path = f"{index}/salt/1.0/{built.filename}"
    put(root / path, built.content)
    facts = {
        "project": "salt",
        "version": "1.0",
        "last_modified": "Thu, 04 Mar 2021 05:06:09 GMT",
        "hashes": {"sha256": built.sha256},
    }
    when = [2021, 3, 4, 5, 6, 7]
    deed = {"what": "upload", "who": "alice", "when": when, "dst": index}
    return {
        "version": "1.0",
        "entrymapping": facts,
        "log": [deed],
        "type": "releasefile",
        "projectname": "salt",
        "relpath": path,
    }


def _devpi_guide(root: Path, index: str, version: str) -> dict[str, Any]:
    path = root / index / f"salt-{version}.doc.zip"
    with zipfile.ZipFile(path, "w") as pages:
        pages.writestr("index.html", f"salt {version}")
    return {
        "version": version,
        "entrymapping": {"hashes": {}},
        "log": [],
        "type": "doczip",
        "projectname": "salt",
        "relpath": f"{index}/{path.name}",
    }


PLACES: Mapping[str, Callable[[Path], None]] = {
    "folder": folder,
    "pypicache": pypicache,
    "proxpi": proxpi,
    "pypicloud": pypicloud,
    "pypicloud folder": pypicloud_folder,
    "bandersnatch": bandersnatch,
    "bandersnatch without json": bandersnatch_without_json,
    "devpi": devpi,
}
"""By what they are, the first word of which is the kind."""
