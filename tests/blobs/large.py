"""Put a large file and read it back, in a process of its own; say what memory that took.

Arguments: a folder, how many MiB, the store's URL, its options as JSON.
"""

import asyncio
import hashlib
import resource
import sys
from pathlib import Path

import msgspec

from cloche.blobs import s3
from cloche.core.model import Digest
from cloche.ports import Spooled


async def main(folder: str, mebibytes: str, url: str, options: str) -> None:
    blobs = s3.connect(url, msgspec.json.decode(options, type=dict[str, str]))
    await blobs.check()
    spooled = large(Path(folder) / "large.upload", int(mebibytes))
    before = peak()
    await blobs.put(spooled)
    read = 0
    async for chunk in blobs.read(spooled.digest, 0, spooled.size):
        read += len(chunk)
    sys.stdout.write(f"{read == spooled.size} {peak() - before}\n")


def large(path: Path, mebibytes: int) -> Spooled:
    """Make a file that takes no disk, however large."""
    hashed = hashlib.sha256()
    for _ in range(mebibytes):
        hashed.update(bytes(1 << 20))
    with path.open("wb") as file:
        file.truncate(mebibytes << 20)
    return Spooled(path, Digest(hashed.hexdigest()), mebibytes << 20)


def peak() -> int:
    """MiB of memory that this process has had at most."""
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
