"""pdm.lock, of lock_version 4, with static URLs or without."""

import re

from msgspec import Struct, field

from cloche.core.locks._reading import elsewhere, gathered, toml, want
from cloche.core.wants import Left, Named, Want, Wants, filename_in, named

NAME = re.compile(r"pdm\.lock$")


class _File(Struct):
    file: str = ""
    url: str = ""
    hash: str = ""


class _Package(Struct):
    name: str
    version: str | None = None
    files: tuple[_File, ...] = ()
    marker: str = ""
    git: str = ""
    url: str = ""
    path: str = ""


class _Metadata(Struct):
    files: dict[str, tuple[_File, ...]] = {}  # before lock_version 4.3, by "name version"


class _Lock(Struct):
    package: tuple[_Package, ...] = ()
    metadata: _Metadata = field(default_factory=_Metadata)


def read(text: str) -> Wants:
    lock = toml(text, _Lock, "pdm.lock")
    return gathered(_package(each, lock.metadata) for each in lock.package)


def _package(package: _Package, metadata: _Metadata) -> Want | Left | None:
    if package.path:
        return None  # a folder or file beside the lock
    if package.git or package.url:
        return elsewhere(package.name, "a repository" if package.git else "an address")
    files = package.files or metadata.files.get(f"{package.name} {package.version}", ())
    return want(package.name, package.version, map(_named, files), package.marker)


def _named(file: _File) -> Named | None:
    return named(file.file or filename_in(file.url), [file.hash])
