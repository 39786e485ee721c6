"""pylock.toml (PEP 751)."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cloche.core.locks._reading import broken, elsewhere, gathered, toml, want
from cloche.core.wants import Left, Named, Want, Wants, filename_in, named

if TYPE_CHECKING:
    from packaging.pylock import Package, PackageSdist, PackageWheel

NAME = re.compile(r"(^|[/\\])pylock\.([^./\\]+\.)?toml$")


def read(text: str) -> Wants:
    from packaging.pylock import (  # noqa: PLC0415  # 10 ms, for those who have such a lock
        Pylock,
        PylockValidationError,
    )

    raw = toml(text, dict[str, Any], "pylock.toml")
    try:
        lock = Pylock.from_dict(raw)
    except (PylockValidationError, ValueError) as e:
        raise broken("pylock.toml", e) from None
    return gathered(_package(each) for each in lock.packages)


def _package(package: "Package") -> Want | Left | None:
    version = str(package.version) if package.version else None
    if package.directory:
        return None  # the project itself, whose dependencies are locked beside it
    if package.vcs or package.archive:
        return elsewhere(package.name, "a repository" if package.vcs else "an address")
    return want(package.name, version, _files(package), str(package.marker or ""))


def _files(package: "Package") -> Iterator[Named | None]:
    files: list[PackageWheel | PackageSdist] = [*(package.wheels or ())]
    if package.sdist:
        files.append(package.sdist)
    for file in files:
        yield named(_filename(file), [f"{name}:{value}" for name, value in file.hashes.items()])


def _filename(file: "PackageWheel | PackageSdist") -> str:
    return file.name or filename_in(file.url or file.path or "")
