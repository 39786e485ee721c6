"""Blobs, and stores to keep them in."""

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from uuid import uuid4

from cloche.core.model import Digest
from cloche.ports import Blobs, Spooled

NOWHERE = Digest("0" * 64)


def spool(folder: Path, data: bytes) -> Spooled:
    """Write a file as the server's spool does, hashed."""
    path = folder / f"{uuid4().hex}.upload"
    path.write_bytes(data)
    return Spooled(path, digest_of(data), len(data))


def digest_of(data: bytes) -> Digest:
    return Digest(hashlib.sha256(data).hexdigest())


async def put(blobs: Blobs, folder: Path, data: bytes) -> Digest:
    spooled = spool(folder, data)
    await blobs.put(spooled)
    return spooled.digest


async def content(blobs: Blobs, digest: Digest, start: int = 0, stop: int = 1 << 40) -> bytes:
    """Read a range, or all; a store gives no empty chunk."""
    chunks = [chunk async for chunk in blobs.read(digest, start, stop)]
    assert all(chunks)
    return b"".join(chunks)


async def first(blobs: Blobs, digest: Digest, start: int, stop: int) -> bytes:
    """Take the first chunk and no more, as for a client that goes away."""
    reading = blobs.read(digest, start, stop)
    assert isinstance(reading, AsyncIterator)
    async with aclosing(reading) as chunks:
        return await anext(chunks)


def tells(folder: Path) -> bool:
    """Whether the file system tells what it has in memory; that of tests may not."""
    file = folder / "asked"
    file.write_bytes(b"told")
    with file.open("rb") as opened:
        try:
            return os.preadv(opened.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT) == 1
        except OSError:
            return False
