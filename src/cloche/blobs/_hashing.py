"""The sha256 of files, as fast as disk and processor allow, in threads: hashing lets others run."""

import asyncio
import hashlib
import os
from collections.abc import Sequence

from cloche.core.model import Digest

SMALL = 256 << 10  # bytes: read in one go
SLICE = 16 << 20  # bytes of a large file that are hashed before anybody may stop it
BUFFER = 1 << 20


async def hashed(paths: Sequence[str]) -> list[Digest | None]:
    """The digest of each; None where there is no such file."""
    found = await asyncio.to_thread(_small, paths)
    return [
        await _large(path) if each is _LARGE else each
        for path, each in zip(paths, found, strict=True)
    ]


_LARGE = Digest("")


def _small(paths: Sequence[str]) -> list[Digest | None]:
    """One hop of threads for many files: those that are not small are left to `_large`."""
    found: list[Digest | None] = []
    for path in paths:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            found.append(None)
            continue
        try:
            data = os.read(fd, SMALL)
        finally:
            os.close(fd)
        found.append(_LARGE if len(data) == SMALL else Digest(hashlib.sha256(data).hexdigest()))
    return found


async def _large(path: str) -> Digest | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    seen, at = hashlib.sha256(), 0
    slicing = None
    try:
        while True:
            slicing = asyncio.ensure_future(asyncio.to_thread(_slice, fd, seen, at))
            more = await asyncio.shield(slicing)
            if not more:
                return Digest(seen.hexdigest())
            at += more
    finally:
        if slicing is not None and not slicing.done():
            await asyncio.wait({slicing})  # it reads from the file that is closed next
        os.close(fd)


def _slice(fd: int, seen: "hashlib._Hash", at: int) -> int:
    """Hash the next slice; return how long it was."""
    buffer, done = memoryview(bytearray(BUFFER)), 0
    while done < SLICE and (more := os.preadv(fd, [buffer], at + done)):
        seen.update(buffer[:more])
        done += more
    return done
