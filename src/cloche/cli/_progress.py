"""How long work is told: a bar on a terminal, lines elsewhere, JSON events for programs.

Events go to standard output, the bar to standard error.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import typer
from msgspec import Struct
from rich.filesize import decimal

EVERY = 10.0
"""Seconds between two lines that tell how far the work is."""


class Event(Struct, frozen=True, tag_field="event"):
    """Something that happened. Each kind is a struct with a `tag` of its own."""

    @property
    def sentence(self) -> str | None:
        """The same for people, on one line; None where only programs want it."""
        return None


class Amount(Struct, frozen=True, kw_only=True):
    """So much work. `size` is bytes."""

    projects: int = 0
    files: int = 0
    size: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(
            projects=self.projects + other.projects,
            files=self.files + other.files,
            size=self.size + other.size,
        )


NOTHING = Amount()


class Report(Protocol):
    def expect(self, more: Amount) -> None:
        """There is so much more to do than was known. Less than none, if it was too much."""

    def done(self, more: Amount) -> None:
        """So much more of it is done."""

    def tell(self, event: Event) -> None:
        """This happened."""


@dataclass
class AsJson:
    """One object a line; how far it is, each ten seconds."""

    clock: Callable[[], float] = time.monotonic
    expected: Amount = NOTHING
    came: Amount = NOTHING
    _told: float = field(init=False)

    def __post_init__(self) -> None:
        self._told = self.clock()

    def expect(self, more: Amount) -> None:
        self.expected += more

    def done(self, more: Amount) -> None:
        self.came += more
        if self.clock() - self._told >= EVERY:
            self._told = self.clock()
            self._far()

    def tell(self, event: Event) -> None:
        line(msgspec.json.encode(event).decode())

    def _far(self) -> None:
        told = {"event": "progress", "done": self.came, "of": self.expected}
        line(msgspec.json.encode(told).decode())


@dataclass
class AsLines(AsJson):
    """A line for each event that people want to know of, and how far it is."""

    def tell(self, event: Event) -> None:
        if event.sentence is not None:
            line(plain(event.sentence))

    def _far(self) -> None:
        line(f"{counted(self.came, self.expected)}, {decimal(self.came.size)}")


@contextmanager
def reporting(*, as_json: bool) -> Iterator[Report]:
    """Whoever fits where the output goes."""
    if as_json:
        yield AsJson()
    elif not sys.stderr.isatty():
        yield AsLines()
    else:
        from cloche.cli._bar import bar  # noqa: PLC0415  # what draws takes 60 ms, on terminals only

        with bar() as drawn:
            yield drawn


@contextmanager
def stoppable(stays: str) -> Iterator[None]:
    """Who stops the work is told what stays of it; exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"cloche: stopped; {stays}", file=sys.stderr)
        raise typer.Exit(130) from None


def counted(came: Amount, expected: Amount) -> str:
    """How far it is: `3 of 5 projects, 20 of 41 files`."""
    pairs = (
        (came.projects, expected.projects, "projects"),
        (came.files, expected.files, "files"),
    )
    return ", ".join(f"{have:,} of {of:,} {what}" for have, of, what in pairs if of) or "looking"


def plain(text: str) -> str:
    """One line that no terminal takes for commands."""
    return "".join(c if c.isprintable() else " " for c in text)


def line(text: str) -> None:
    """Print it at once, also into a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
