"""What is told of bundles, and how a command about one ends."""

import asyncio
import sys
from collections.abc import Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import typer

from cloche.bundles.archive import Archive
from cloche.cli._progress import Event, stoppable
from cloche.core import bundles
from cloche.core.bundles import Mark
from cloche.core.errors import BadBundle
from cloche.core.quantities import readable

T = TypeVar("T")


class Lacking(Event, frozen=True, tag="lacking"):
    project: str
    filename: str | None
    why: str

    @property
    def sentence(self) -> str:
        return f"lacking  {self.filename or self.project}: {self.why}"


class Made(Event, frozen=True, tag="made"):
    files: tuple[str, ...]
    bundle: str
    index: str
    serial: int
    at: datetime
    base: str | None
    projects: int
    pages: int
    brought: int  # files in it
    size: int
    signed: str | None

    @property
    def sentence(self) -> str:
        return (
            f"{', '.join(self.files)}: {self.projects} projects of index {self.index} at "
            f"{self.at:%Y-%m-%d %H:%M:%S} UTC; {self.pages} pages and {self.brought} files of "
            f"{readable(self.size)} in it"
        )


class Checked(Event, frozen=True, tag="verified"):
    bundle: str
    signed: str | None
    index: str
    serial: int
    at: datetime
    base: str | None
    projects: int
    files: int
    size: int

    @property
    def sentence(self) -> str:
        signed = f"signed with {self.signed}" if self.signed else "not signed"
        return (
            f"whole, {signed}: {self.projects} projects of index {self.index} at "
            f"{self.at:%Y-%m-%d %H:%M:%S} UTC, {self.files} files of {readable(self.size)} in it"
        )


class Applied(Event, frozen=True, tag="applied"):
    upstream: str
    bundle: str
    changed: int
    gone: tuple[str, ...]
    files: int
    size: int
    dry_run: bool

    @property
    def sentence(self) -> str:
        would = "would have" if self.dry_run else "has"
        return (
            f"{self.upstream} {would} {self.changed} pages new or changed, {len(self.gone)} "
            f"projects gone, {self.files} files of {readable(self.size)} brought"
        )


def made(archive: Archive, paths: Sequence[Path]) -> Made:
    said = archive.header
    return Made(
        files=tuple(map(str, paths)),
        bundle=archive.identity,
        index=said.index,
        serial=said.serial,
        at=said.at,
        base=said.base,
        projects=said.projects,
        pages=said.pages,
        brought=said.files,
        size=said.size,
        signed=archive.sealed.key or None,
    )


def checked(archive: Archive) -> Checked:
    said = archive.header
    return Checked(
        bundle=archive.identity,
        signed=archive.sealed.key or None,
        index=said.index,
        serial=said.serial,
        at=said.at,
        base=said.base,
        projects=said.projects,
        files=said.files,
        size=said.size,
    )


def as_text(mark: Mark) -> str:
    return bundles.encoded(mark).decode()


def run(work: Coroutine[Any, Any, T], stays: str) -> T:
    """Work to the end; Ctrl-C is one line and 130, a bundle that is refused one line and 1."""
    try:
        with stoppable(stays):
            return asyncio.run(work)
    except BadBundle as e:
        print(f"cloche: {' '.join(e.detail.split())}", file=sys.stderr)
        raise typer.Exit(1) from None
