"""Building wheels: a tool that resolves and builds, within bounds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from cloche.core.building import Given, Interpreter, Pin


class Lodging(Struct, frozen=True, kw_only=True):
    """Where a tool works: the one index that it may ask, and a folder that is removed after it."""

    index_url: str
    host: str  # the index's, without port
    secret: str  # to read the index with
    folder: Path


class Ran(Struct, frozen=True, kw_only=True):
    """How a build ended: the wheels that it made, or why it failed, and all that it said."""

    wheels: tuple[Path, ...]
    failure: str | None
    log: str


class Builder(Protocol):
    """A tool that builds wheels. What it runs is other people's code."""

    async def name(self, python: Interpreter) -> str:
        """The tool and its version. Raise BadSetting when it is not there."""

    async def resolve(
        self, requirements: Sequence[str], python: Interpreter, at: Lodging
    ) -> list[Pin]:
        """The versions that the requirements come to on that Python. Raise BadRequest."""

    async def build(self, sdist: Path, python: Interpreter, at: Lodging) -> Ran:
        """Build a wheel in isolation; what it needs for that it has from the index alone."""


class Guests(Protocol):
    """An index lent to tools while they work."""

    def lodging(self, folder: Path) -> Lodging:
        """Lend it to one more tool. Its credential ends with the run."""

    def given(self, at: Lodging) -> tuple[Given, ...]:
        """The files that the tool has fetched, each once."""
