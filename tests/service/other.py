"""Another process of the node: it fetches a file, and can be killed in the middle."""

import asyncio
import hashlib
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cloche.core.model import ProjectName
from cloche.service.sight import artifact_of
from tests.service.worker import DEADLINE, worker

_SPAWN = multiprocessing.get_context("spawn")


class Other:
    """The test's hold on it."""

    def __init__(self, process: Any, pipe: Any) -> None:
        self._process = process
        self._pipe = pipe

    def digest(self) -> str:
        """The sha256 of what it got in the end."""
        if not self._pipe.poll(DEADLINE):
            raise TimeoutError("the other process says nothing")
        return str(self._pipe.recv())

    def kill(self) -> None:
        """SIGKILL: it can clear nothing away."""
        self._process.kill()
        self._process.join()


@contextmanager
def fetching(folder: Path, url: str, filename: str) -> Iterator[Other]:
    """Start a process that fetches the file through a worker over the folder."""
    ours, theirs = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=_run, args=(folder, url, filename, theirs))
    process.start()
    try:
        yield Other(process, ours)
    finally:
        process.kill()
        process.join()
        process.close()
        ours.close()
        theirs.close()


def _run(folder: Path, url: str, filename: str, pipe: Any) -> None:
    pipe.send(asyncio.run(_fetch(folder, url, filename)))


async def _fetch(folder: Path, url: str, filename: str) -> str:
    project = ProjectName(filename.partition("-")[0])
    seen = hashlib.sha256()
    async with worker(folder, url) as mine:
        file = (await mine.page(project)).find(filename)
        assert file is not None
        body = await mine.fetch.open(artifact_of("pypi", project, file))
        async for chunk in body.chunks:
            seen.update(chunk)
    return seen.hexdigest()
