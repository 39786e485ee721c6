"""A folder of loose distributions on this machine, and all folders in it, as an upstream.

A page is what lies there at the moment of the question. Names are known from a look at the
folders' times; what a project's own files look like is asked anew each time, and read again
only when it is another: so a question costs no more than that.
"""

import asyncio
import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from cloche.core import metadata
from cloche.core.errors import BadName, BadSetting, BadUpload, NoSuchFile, NoSuchProject
from cloche.core.filenames import parse
from cloche.core.model import Artifact, ProjectName
from cloche.core.negotiation import Format
from cloche.ports import Document, Received, Rolled, Transfer, Upstream
from cloche.upstreams._local import Below, Stamp, transfer
from cloche.upstreams._local import metadata as metadata_of
from cloche.upstreams._tree import Tree, age

ZIPS = (".whl", ".egg", ".zip")
MAX_READ_SDIST = 16 << 20  # bytes: all of a larger one is not unpacked for one line of it
MAX_KNOWN = 200_000  # files of which it is remembered what they are

Count = Annotated[int, Meta(ge=1)]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[upstream.NAME]` of kind "directory"."""

    kind: str = "directory"
    path: str
    symlinks: bool = False  # whether what they lead to counts as lying there
    max_entries: Count = 1_000_000  # files and folders, all of them
    max_files: Count = 100_000  # of one project
    max_file_bytes: Count = 20 << 30

    @property
    def url(self) -> str:
        return Path(self.path).absolute().as_uri()

    @property
    def is_local(self) -> bool:
        return True


class _Facts(Struct, frozen=True):
    sha256: str
    metadata: str | None = None  # its sha256
    requires_python: str | None = None


def connect(name: str, settings: Settings) -> Upstream:
    """Open the folder; nothing in it is read yet. Raise BadSetting when it is none."""
    root = Path(settings.path).absolute()
    if not settings.path or not root.is_dir():
        raise BadSetting(
            f"upstream {name}: {settings.path!r} is no folder; make it, or name another as path"
        )
    return _Directory(name, root, settings)


class _Directory:
    def __init__(self, name: str, root: Path, settings: Settings) -> None:
        self.name = name
        self._settings = settings
        self._below = Below(name, root, settings.symlinks)
        self._tree = Tree(name, root, settings.symlinks, settings.max_entries)
        self._known: dict[tuple[str, Stamp], _Facts | None] = {}

    async def close(self) -> None:
        pass

    async def page(self, project: ProjectName, etag: str | None) -> Received:
        return await asyncio.to_thread(self._page, project, etag)

    async def roll(self, etag: str | None) -> Rolled | None:  # noqa: ARG002 - names have none
        found = await asyncio.to_thread(self._tree.projects)
        return Rolled(projects=dict.fromkeys(found, 0))

    def transfer(
        self, artifact: Artifact, start: int, etag: str | None
    ) -> AbstractAsyncContextManager[Transfer]:
        return transfer(self._below, artifact, start, etag, self._settings.max_file_bytes)

    def _page(self, project: ProjectName, etag: str | None) -> Received:
        lying = self._stamps(project)
        now = _etag(self._below.root, lying)
        if lying and now == etag:
            return Received(document=None, etag=etag, max_age=0)
        entries = list(self._entries(lying))
        if not entries:
            raise NoSuchProject(f"{self.name} has no project {project}", max_age=0)
        body = {"meta": {"api-version": "1.1"}, "name": project, "files": entries}
        document = Document(
            body=msgspec.json.encode(body),
            content_type=Format.JSON,
            url=f"{self._below.root.as_uri()}/",
        )
        return Received(document=document, etag=now, max_age=0)

    def _stamps(self, project: ProjectName) -> dict[str, Stamp]:
        """The project's files by their paths, the first of each name, oldest version first."""
        paths: dict[str, str] = {}
        for path in self._tree.files(project):
            paths.setdefault(path.rpartition("/")[2], path)
        found = {path: self._below.stamp(path) for path in sorted(paths.values(), key=age)}
        return {path: stamp for path, stamp in found.items() if stamp is not None}

    def _entries(self, lying: dict[str, Stamp]) -> Iterator[dict[str, Any]]:
        for path, stamp in lying.items():
            facts = self._facts(path, stamp)
            if facts is not None:
                yield _entry(self._below.root, path, stamp, facts)

    def _facts(self, path: str, stamp: Stamp) -> _Facts | None:
        """What the file is; None when it is no distribution, or not yet."""
        key = path, stamp
        if key not in self._known:
            try:
                file, now = self._below.open(path)
            except NoSuchFile:
                return None
            with file:
                found = _read(path.rpartition("/")[2], file)
            if now != stamp or self._below.stamp(path) != stamp:
                return None  # it is being written: the next question sees more of it
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[key] = found
        return self._known[key]


def _etag(root: Path, lying: dict[str, Stamp]) -> str:
    said = msgspec.json.encode([str(root), *([path, s.etag] for path, s in lying.items())])
    return f'"{hashlib.sha256(said).hexdigest()}"'


def _entry(root: Path, path: str, stamp: Stamp, facts: _Facts) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "filename": path.rpartition("/")[2],
        "url": (root / path).as_uri(),
        "hashes": {"sha256": facts.sha256},
        "size": stamp.size,
    }
    if facts.requires_python:
        entry["requires-python"] = facts.requires_python
    if facts.metadata:
        entry["core-metadata"] = {"sha256": facts.metadata}
    return entry


def _read(filename: str, file: BufferedReader) -> _Facts | None:
    """Hash the file, and look what it says of itself. A zip without its end is not whole yet."""
    try:
        kind = parse(filename).filetype
    except BadName:
        return None
    if filename.lower().endswith(ZIPS) and not zipfile.is_zipfile(file):
        return None
    file.seek(0)
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    size = file.tell()
    if kind != "bdist_wheel" and size > MAX_READ_SDIST:
        return _Facts(sha256)
    return _described(filename, kind, file, sha256)


def _described(filename: str, kind: str, file: BufferedReader, sha256: str) -> _Facts:
    raw = metadata_of(filename, file)
    if raw is None:
        return _Facts(sha256)
    try:
        needs = metadata.read(raw).requires_python
    except BadUpload:
        return _Facts(sha256)
    # An installation may compute other metadata from an sdist than the sdist says (PEP 643).
    own = hashlib.sha256(raw).hexdigest() if kind == "bdist_wheel" else None
    return _Facts(sha256, own, needs)
