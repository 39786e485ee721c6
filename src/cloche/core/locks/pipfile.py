"""Pipfile.lock, pipfile-spec 6: hashes, and no filenames."""

import re
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from cloche.core.locks._reading import broken, elsewhere, gathered, want
from cloche.core.wants import Left, Want, Wants, named

NAME = re.compile(r"Pipfile\.lock$")
META = "_meta"  # all else is a category of packages


class _Package(Struct):
    version: str = ""
    hashes: tuple[str, ...] = ()
    markers: str = ""
    git: str = ""
    file: str = ""
    path: str = ""
    editable: bool = False


def read(text: str) -> Wants:
    try:
        lock = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        tables = [
            msgspec.json.decode(table, type=dict[str, _Package])
            for category, table in lock.items()
            if category != META
        ]
    except (msgspec.MsgspecError, RecursionError) as e:
        raise broken("Pipfile.lock", e) from None
    return gathered(_packages(tables))


def _packages(tables: list[dict[str, _Package]]) -> Iterator[Want | Left | None]:
    for table in tables:
        for name, package in table.items():
            yield _package(name, package)


def _package(name: str, package: _Package) -> Want | Left | None:
    if package.path or (package.editable and not package.git):
        return None  # a folder beside the lock
    if package.git or package.file:
        return elsewhere(name, "a repository" if package.git else "an address")
    files = (named(None, [each]) for each in package.hashes)
    return want(name, package.version.removeprefix("=="), files, package.markers)
