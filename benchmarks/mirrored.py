"""The index that is mirrored whole: many projects with small files, below the paths of PyPI.

A tree of static files beside that of `packages.py`: `simple/`, `packages/` with each `.metadata`
and, of PyPI's JSON API, what bandersnatch asks for. Nginx serves it as it is.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tests.packages
from benchmarks.packages import write_with_twin
from tests.packages import Built, wheel

FILES = 20  # of a project
SIZE = 4000  # bytes of a file
UPLOADED = "2024-01-02T03:04:05.678901Z"
SERIAL = 1_000_000


@dataclass(frozen=True, slots=True)
class Tree:
    """The tree on disk, and how many projects it lists."""

    folder: Path
    projects: int

    @property
    def files(self) -> int:
        """Count the distributions."""
        return self.projects * FILES

    def write_documents(self, folder: Path, base: str) -> None:
        """Write PyPI's JSON API of every project: it names files by whole addresses."""
        for number in range(self.projects):
            home = folder / "pypi" / _name(number)
            home.mkdir(parents=True)
            template = (self.folder / "documents" / _name(number)).read_text()
            (home / "json").write_text(template.replace("BASE", base))


def tree(projects: int) -> Tree:
    """Return the tree, building it first when this version of it is not on the disk."""
    folder = Path(tempfile.gettempdir()) / f"cloche-benchmark-mirrored-{projects}-{_edition()}"
    if not folder.exists():
        scratch = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
        _build(scratch, projects)
        scratch.chmod(0o755)  # nginx's worker is another user
        try:
            scratch.rename(folder)
        except OSError:  # another run was faster; both built the same
            shutil.rmtree(scratch)
    return Tree(folder, projects)


def _edition() -> str:
    sources = Path(__file__).read_bytes() + Path(tests.packages.__file__).read_bytes()
    return hashlib.sha256(sources).hexdigest()[:12]


def _name(number: int) -> str:
    return f"mirrored-{number:04}"


def _build(folder: Path, projects: int) -> None:
    (folder / "documents").mkdir()
    for number in range(projects):
        document = write_project(folder, _name(number), FILES)
        (folder / "documents" / _name(number)).write_text(json.dumps(document))
    listed = [{"name": _name(each), "_last-serial": SERIAL} for each in range(projects)]
    write_list(folder, listed)


def write_list(folder: Path, listed: Sequence[dict[str, Any]]) -> None:
    """Write the list of projects."""
    meta = {"api-version": "1.1", "_last-serial": SERIAL}
    _write_page(folder / "simple", {"meta": meta, "projects": listed})
    # Who asks whether the server is ready takes any type.
    write_with_twin(folder / "simple/index.html", b"<!DOCTYPE html>\n")


def write_project(folder: Path, name: str, files: int) -> dict[str, Any]:
    """Write a project's page and files; return its document of PyPI's JSON API."""
    built = list(_files(name, files))
    for each in built:
        path = folder / _path(each)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(each.content)
        path.with_name(f"{path.name}.metadata").write_bytes(each.metadata)
    versions = [each.version for each in built]
    page = {"meta": {"api-version": "1.1", "_last-serial": SERIAL}, "name": name}
    _write_page(
        folder / "simple" / name, {**page, "versions": versions, "files": list(map(_entry, built))}
    )
    info = {"name": name, "version": versions[-1]}
    releases = {each.version: [_release(each)] for each in built}
    return {"info": info, "last_serial": SERIAL, "releases": releases, "urls": []}


def _files(name: str, count: int) -> Iterator[Built]:
    return (wheel(name, f"1.{number}", size=SIZE) for number in range(count))


def _path(each: Built) -> str:
    """Below a folder for each project, as PyPI had it once: one for each file takes minutes."""
    return f"packages/py3/{each.name[0]}/{each.name}/{each.filename}"


def _entry(each: Built) -> dict[str, Any]:
    return {
        "filename": each.filename,
        "url": f"../../{_path(each)}",
        "hashes": {"sha256": each.sha256},
        "size": each.size,
        "upload-time": UPLOADED,
        "yanked": False,
        "core-metadata": {"sha256": each.metadata_sha256},
    }


def _release(each: Built) -> dict[str, Any]:
    return {
        "filename": each.filename,
        "url": f"BASE/{_path(each)}",
        "digests": {"sha256": each.sha256, "md5": each.md5, "blake2b_256": each.blake2_256},
        "size": each.size,
        "upload_time_iso_8601": UPLOADED,
        "packagetype": "bdist_wheel",
        "requires_python": None,
        "yanked": False,
        "yanked_reason": None,
        "core-metadata": {"sha256": each.metadata_sha256},
    }


def _write_page(folder: Path, said: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_with_twin(folder / "index.json", json.dumps(said).encode())
