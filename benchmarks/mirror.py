"""Whole indexes mirrored, by cloche and by bandersnatch in turns, of the same upstream."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.distance import far_upstream
from benchmarks.figures import (
    MIRROR_AGAIN,
    MIRROR_ASKED,
    MIRROR_FAR,
    MIRROR_FULL,
    MIRRORER,
    Work,
)
from benchmarks.loads import MEMORY
from benchmarks.mirrored import SERIAL, Tree, tree
from benchmarks.nginx import Site, nginx
from benchmarks.processes import (
    BOTH_CORES,
    Command,
    Unmeasured,
    answers,
    cpu_seconds,
    free_port,
    memory,
    running,
)
from benchmarks.servers import OURS, ROOT
from benchmarks.session import Session

WORKERS = 10  # the most that bandersnatch takes
PATIENCE = 900.0
LOOK = 0.1  # seconds between two looks at what it uses
NAMES = (OURS, MIRRORER)
CLOCHE = """\
[upstream.mirrored]
url = "{master}/simple/"
[upstream.mirrored.mirror]
mode = "all"
[index.main]
sources = ["mirrored"]
"""
BANDERSNATCH = f"""\
[mirror]
directory = {{folder}}/data
master = {{master}}
allow-non-https = true
workers = {WORKERS}
verifiers = 3
simple-format = JSON
hash-index = false
json = false
stop-on-error = true
api-method = simple
"""


@dataclass(frozen=True, slots=True)
class Run:
    """What a mirror took: seconds by the clock and of a processor, and the most MiB seen."""

    seconds: float
    processor: float
    resident: float


@dataclass(frozen=True, slots=True)
class Mirror:
    """A program that mirrors, its folder, and where it has the files."""

    command: Command
    held: Callable[[], int]

    def run(self) -> Run:
        """Mirror once, to the end. Raise Unmeasured."""
        began = time.perf_counter()
        processor = resident = 0.0
        with running(self.command) as child:
            while child.code is None:
                processor = max(processor, cpu_seconds(child.pid))
                resident = max(resident, memory(child.pid).rss)
                if time.perf_counter() - began > PATIENCE:
                    raise Unmeasured(f"{child.name} took more than {PATIENCE:.0f} s")
                child.wait(LOOK)
            seconds = time.perf_counter() - began
            if child.code:
                raise Unmeasured(f"{child.name} ended with {child.code}: {child.tail}")
        return Run(seconds, processor, resident)


def measure(session: Session) -> None:
    """Mirror near and far, and near a second time when nothing has changed.

    Into memory, where there is such a place, for the reason that `loads.install` gives.
    """
    base = MEMORY if MEMORY.is_dir() else session.folder
    with TemporaryDirectory(prefix="cloche-bench-", dir=base) as at:
        _measure(session, Path(at))


def _measure(session: Session, at: Path) -> None:
    whole, part = tree(session.plan.mirrored), tree(session.plan.far_mirrored)
    with _noting(session, MIRROR_FULL), near(session, whole) as (master, log):
        for name in _turns(session, MIRROR_FULL):
            with session.noting(session.figures.of(MIRROR_FULL, name)):
                made = _made(at, name, master)
                _add(session, MIRROR_FULL, name, _whole(made, whole), whole)
                _mirror_again(session, made, log)
    with _noting(session, MIRROR_FAR), _far(session, part) as master:
        for name in _turns(session, MIRROR_FAR):
            with session.noting(session.figures.of(MIRROR_FAR, name)):
                made = _made(at, name, master)
                _add(session, MIRROR_FAR, name, _whole(made, part), part)


def _turns(session: Session, work: Work) -> Iterator[str]:
    for number in session.rounds(session.plan.mirrors, work.title):
        for name in NAMES[:: (-1) ** number]:
            if not session.figures.of(work, name).reason:
                yield name


def _noting(session: Session, work: Work) -> AbstractContextManager[None]:
    return session.noting(*(session.figures.of(work, name) for name in NAMES))


def _mirror_again(session: Session, made: Mirror, log: Path) -> None:
    before = _lines(log)
    run = made.run()
    session.figures.of(MIRROR_AGAIN, made.command.name).add(run.seconds, processor=run.processor)
    session.figures.of(MIRROR_ASKED, made.command.name).add(_lines(log) - before)


def _whole(made: Mirror, of: Tree) -> Run:
    run = made.run()
    if (held := made.held()) < 2 * of.files:
        raise Unmeasured(f"{made.command.name} has {held} files of {of.files}, with metadata twice")
    return run


def _add(session: Session, work: Work, name: str, run: Run, of: Tree) -> None:
    figure = session.figures.of(work, name)
    figure.add(of.files / run.seconds, processor=run.processor, resident=run.resident)


def _lines(log: Path) -> int:
    with log.open("rb") as lines:
        return sum(1 for _ in lines)


@contextmanager
def near(session: Session, whole: Tree) -> Iterator[tuple[str, Path]]:
    """Serve the tree on this host; give the address, and the log of what is asked there."""
    port, folder = free_port(), session.folder / f"near-{whole.folder.name}"
    master = f"http://127.0.0.1:{port}"
    whole.write_documents(folder, master)
    site = Site(whole.folder, folder, f"127.0.0.1:{port}", log=True, serial=SERIAL)
    with running(nginx("mirrored", site, cores=BOTH_CORES)) as child:
        child.wait_until(answers(port, "/simple/"))
        yield master, folder / "access.log"


@contextmanager
def _far(session: Session, part: Tree) -> Iterator[str]:
    """Serve the tree 50 ms away, at the address that is given."""
    folder = session.folder / "far-mirrored"
    with far_upstream(part.folder, folder, SERIAL) as simple:
        master = simple.removesuffix("/simple/")
        part.write_documents(folder, master)
        yield master


def _made(at: Path, name: str, master: str) -> Mirror:
    """Make an empty mirror, in the folder of the one before."""
    folder = at / f"mirror-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return (cloche if name == OURS else bandersnatch)(folder, master)


def cloche(folder: Path, master: str) -> Mirror:
    """Give what `cloche sync` mirrors there, with its data in `data`."""
    config = folder / "cloche.toml"
    config.write_text(CLOCHE.format(master=master))
    words = [ROOT / ".venv/bin/cloche", "sync", "mirrored", "--data", folder / "data"]
    command = Command(OURS, [*words, "--config", config], folder, BOTH_CORES)
    return Mirror(command, lambda: _count(folder / "data/blobs/sha256"))


def bandersnatch(folder: Path, master: str) -> Mirror:
    config = folder / "bandersnatch.conf"
    config.write_text(BANDERSNATCH.format(folder=folder, master=master))
    words = [ROOT / ".venvs/bench-bandersnatch/bin/bandersnatch", "--config", config, "mirror"]
    command = Command(MIRRORER, words, folder, BOTH_CORES)
    return Mirror(command, lambda: _count(folder / "data/web/packages"))


def _count(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))
