"""How fast everything that is kept is verified, beside `sha256sum` in two processes."""

import hashlib
import os
import random
import time
from pathlib import Path

from benchmarks.figures import SHA256SUM, VERIFY
from benchmarks.processes import BOTH_CORES, Command, run
from benchmarks.servers import OURS, ROOT
from benchmarks.session import Session

SMALL, SMALL_SIZE = 20_000, 20_000  # files, bytes of each
LARGE, LARGE_SIZE = 60, 20 << 20
AT_ONCE = 500  # files that one sha256sum is given


def measure(session: Session) -> None:
    ours = session.figures.of(VERIFY, OURS)
    theirs = session.figures.of(VERIFY, SHA256SUM)
    with session.noting(ours, theirs):
        data = session.folder / "verify"
        session.say(f"writing {SMALL + LARGE:,} files to verify")
        _list(data, _fill(data / "blobs" / "sha256"))
        for _ in session.rounds(session.plan.installs, VERIFY.title):
            theirs.add(_seconds(f"xargs -P 2 -n {AT_ONCE} sha256sum < {data}/list > {data}/sums"))
            ours.add(_seconds(f"{ROOT}/.venv/bin/cloche verify --again --data {data}"))


def _seconds(shell: str) -> float:
    words = ["sh", "-c", shell]
    began = time.perf_counter()
    run(Command("verify", words, ROOT, BOTH_CORES), timeout=300)
    return time.perf_counter() - began


def _fill(folder: Path) -> list[Path]:
    """Blobs of bytes that do not compress, each at the place that its digest names."""
    noise = random.Random(5)  # noqa: S311 - no secret
    sizes = [SMALL_SIZE] * SMALL + [LARGE_SIZE] * LARGE
    return [_write(folder, noise.randbytes(size)) for size in sizes]


def _write(folder: Path, data: bytes) -> Path:
    digest = hashlib.sha256(data).hexdigest()
    path = folder / digest[:2] / digest
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _list(data: Path, files: list[Path]) -> None:
    (data / "list").write_text("".join(f"{os.fspath(path)}\n" for path in files))
