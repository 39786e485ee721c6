"""uv.lock, version 1."""

import re
from typing import Any

from msgspec import Struct

from cloche.core.locks._reading import broken, elsewhere, gathered, toml, want
from cloche.core.wants import Left, Named, Want, Wants, filename_in, named

NAME = re.compile(r"uv\.lock$")
VERSION = 1
LOCAL = frozenset({"directory", "editable", "virtual"})  # the workspace's own projects
ELSEWHERE = {"git": "a repository", "url": "an address", "path": "a file"}


class _File(Struct):
    url: str = ""
    path: str = ""
    filename: str = ""
    hash: str = ""


class _Package(Struct):
    name: str
    source: dict[str, Any]
    version: str | None = None
    sdist: _File | None = None
    wheels: tuple[_File, ...] = ()


class _Lock(Struct):
    version: int
    package: tuple[_Package, ...] = ()


def read(text: str) -> Wants:
    lock = toml(text, _Lock, "uv.lock")
    if lock.version != VERSION:
        raise broken("uv.lock", f"its version is {lock.version}, known is {VERSION}")
    return gathered(_package(each) for each in lock.package)


def _package(package: _Package) -> Want | Left | None:
    if not LOCAL.isdisjoint(package.source):
        return None
    kind = next((ELSEWHERE[key] for key in package.source if key in ELSEWHERE), None)
    if kind is not None:
        return elsewhere(package.name, kind)
    files = [*package.wheels, *filter(None, [package.sdist])]
    return want(package.name, package.version, map(_named, files))


def _named(file: _File) -> Named | None:
    return named(file.filename or filename_in(file.url or file.path), [file.hash])
