"""What the commands have in common that change what an index shows. A server need not run."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from packaging.version import InvalidVersion, Version

from cloche.app.services import Services, opened
from cloche.cli._options import begin, check_index
from cloche.config import Settings
from cloche.core import marks
from cloche.core.errors import BadSetting
from cloche.core.marks import Part
from cloche.core.model import project_name

T = TypeVar("T")


class Desk:
    """An index of the server's settings, and the use cases over its data."""

    def __init__(self, config: Path | None, data: Path | None, index: str | None) -> None:
        self.settings: Settings = begin(config, data)
        self.index = index or self.settings.default_index.name
        check_index(self.settings, self.index, config)

    def part(self, project: str, what: str | None = None) -> Part:
        """All of a project, or of it what a version or a filename names. Raise BadName."""
        name = project_name(project)
        if what is None:
            return Part(index=self.index, project=name)
        try:
            return Part(index=self.index, project=name, version=str(Version(what)))
        except InvalidVersion:
            return Part(index=self.index, project=name, filename=marks.filename(what))

    def do(self, work: Callable[[Services], Awaitable[T]]) -> T:
        """Open everything, work, and close it again."""
        return asyncio.run(self._do(work))

    async def _do(self, work: Callable[[Services], Awaitable[T]]) -> T:
        async with opened(self.settings, patience=0) as services:
            return await work(services)


def tell(done: str, files: list[str]) -> None:
    """Name the files, for programs on standard output, and say what was done."""
    for name in files:
        print(name)
    print(f"{done} {len(files)} file{'s' * (len(files) != 1)}", file=sys.stderr)


def one_of(what: str | None, *, everything: bool) -> None:
    """Raise BadSetting unless it is said clearly what is meant."""
    if (what is None) != everything:
        raise BadSetting(
            "say what: a version, a filename, or --all for the whole project, and only one of them"
        )
