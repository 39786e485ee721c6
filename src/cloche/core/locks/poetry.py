"""poetry.lock, of lock-version 1 and 2."""

import re
from typing import Any

from msgspec import Struct, field

from cloche.core.locks._reading import elsewhere, gathered, toml, want
from cloche.core.wants import Left, Want, Wants, named

NAME = re.compile(r"poetry\.lock$")
ELSEWHERE = {"git": "a repository", "url": "an address", "file": "a file"}


class _File(Struct):
    file: str
    hash: str = ""


class _Source(Struct):
    type: str = ""


class _Package(Struct):
    name: str
    version: str
    files: tuple[_File, ...] = ()
    source: _Source = field(default_factory=_Source)
    markers: Any = None  # text, or a table by groups


class _Metadata(Struct):
    files: dict[str, tuple[_File, ...]] = {}  # lock-version 1


class _Lock(Struct):
    package: tuple[_Package, ...] = ()
    metadata: _Metadata = field(default_factory=_Metadata)


def read(text: str) -> Wants:
    lock = toml(text, _Lock, "poetry.lock")
    return gathered(_package(each, lock.metadata) for each in lock.package)


def _package(package: _Package, metadata: _Metadata) -> Want | Left | None:
    kind = package.source.type
    if kind == "directory":
        return None
    if kind in ELSEWHERE:
        return elsewhere(package.name, ELSEWHERE[kind])
    files = package.files or metadata.files.get(package.name, ())
    found = (named(file.file, [file.hash]) for file in files)
    return want(package.name, package.version, found, package.markers)
