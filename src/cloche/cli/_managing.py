"""What the commands have in common that change what an index shows. A server need not run."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from packaging.version import InvalidVersion, Version

from cloche.app import Services, compose, open_blobs, open_catalog, open_upstreams, utc_now
from cloche.cli._options import check_index
from cloche.config import Settings, load
from cloche.core import marks
from cloche.core.errors import BadSetting
from cloche.core.marks import Part
from cloche.core.model import project_name
from cloche.spool import Spool

T = TypeVar("T")


class Desk:
    """An index of the server's settings, and the use cases over its data."""

    def __init__(self, config: Path | None, data: Path | None, index: str | None) -> None:
        self._settings: Settings = load(config, data)
        self.index = index or self._settings.default_index.name
        check_index(self._settings, self.index, config)

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
        catalog = open_catalog(self._settings)
        services = compose(
            self._settings,
            stored=catalog,
            blobs=open_blobs(self._settings),
            spool=Spool(self._settings.data / "spool"),
            remote=open_upstreams(self._settings),
            clock=utc_now,
        )
        try:
            return await work(services)
        finally:
            for cached in services.cached.values():
                await cached.close()
            await catalog.close()


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
