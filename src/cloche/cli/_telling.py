"""How a run that brings files is told: a bar on a terminal, lines elsewhere, JSON for programs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from cloche.cli._progress import line, plain
from cloche.service.gather import Came, Event, Had, Lacked, Looked


@dataclass
class Tally:
    """What a run came to."""

    projects: int = 0
    fetched: int = 0
    here: int = 0
    size: int = 0  # bytes of all files, fetched or here
    lacked: list[Lacked] = field(default_factory=list)

    def add(self, event: Event) -> None:
        if isinstance(event, Looked):
            self.projects += 1
        elif isinstance(event, Had):
            self.fetched += event.fetched
            self.here += not event.fetched
            self.size += event.size
        elif isinstance(event, Lacked):
            self.lacked.append(event)

    @property
    def sentence(self) -> str:
        files = f"{self.fetched} fetched, {self.here} here before, {decimal(self.size)} in all"
        return f"{self.projects} projects: {files}; {len(self.lacked)} could not be had"


class Teller(Protocol):
    def tell(self, event: Event) -> None: ...

    def end(self, tally: Tally) -> None: ...


class AsJson:
    """One object a line, and at the end one of the event `done`."""

    def tell(self, event: Event) -> None:
        if not isinstance(event, Came):
            line(msgspec.json.encode(event).decode())

    def end(self, tally: Tally) -> None:
        told = {**vars(tally), "lacked": len(tally.lacked)}
        line(msgspec.json.encode({"event": "done", **told}).decode())


class AsLines:
    """A line for each file as it is had, and at the end what was not."""

    def tell(self, event: Event) -> None:
        if isinstance(event, Had):
            line(f"{'fetched' if event.fetched else 'here'}  {plain(event.filename)}")

    def end(self, tally: Tally) -> None:
        for each in tally.lacked:
            of = f" ({each.filename})" if each.filename else ""
            line(f"lacking  {plain(each.says + of)}: {plain(each.why)}")
        line(tally.sentence)


@dataclass
class AsBar(AsLines):
    """A bar while it lasts; then what was not had."""

    progress: Progress
    task: TaskID
    _files: int = 0
    _known: int = 0
    _done: int = 0

    def tell(self, event: Event) -> None:
        if isinstance(event, Looked):
            self._files += event.files
            self._known += event.size
            self.progress.update(self.task, total=self._known or None)
        elif isinstance(event, Came):
            self.progress.advance(self.task, event.size)
        elif isinstance(event, Had):
            self._done += 1
            self.progress.advance(self.task, 0 if event.fetched else event.size)
        self.progress.update(self.task, files=f"{self._done}/{self._files} files")


@contextmanager
def teller(*, as_json: bool) -> Iterator[Teller]:
    """Whoever fits where the output goes."""
    if as_json:
        yield AsJson()
    elif not sys.stderr.isatty():
        yield AsLines()
    else:
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        files = TextColumn("{task.fields[files]}", markup=False)
        with Progress(files, *columns, console=Console(stderr=True), transient=True) as progress:
            yield AsBar(progress, progress.add_task("", total=None, files="looking"))
