"""A bar on standard error, below the lines that tell what happened."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from cloche.cli._progress import Amount, AsLines, counted


@dataclass(kw_only=True)
class AsBar(AsLines):
    """Lines, and a bar below them."""

    progress: Progress
    task: TaskID

    def expect(self, more: Amount) -> None:
        super().expect(more)
        self.progress.update(self.task, total=self.expected.size or None)

    def done(self, more: Amount) -> None:
        self.came += more
        self.progress.update(
            self.task, advance=more.size, counted=counted(self.came, self.expected)
        )


@contextmanager
def bar() -> Iterator[AsBar]:
    """A bar that is there until the work ends."""
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    many = TextColumn("{task.fields[counted]}", markup=False)
    with Progress(
        many,
        *columns,
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # into a file it goes as ever, not above the bar
    ) as progress:
        yield AsBar(progress=progress, task=progress.add_task("", total=None, counted="looking"))
