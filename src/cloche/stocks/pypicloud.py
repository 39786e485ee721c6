"""PyPI Cloud's bucket (`{hash}/{project}/{file}`) or folder (`{project}/{version}/{file}`).

What it knows of files beyond that is noted with each object of a bucket, or beside each file of a
folder.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from cloche.core.model import sane_hashes
from cloche.ports import Left, Lot
from cloche.stocks._places import Entry, Place, is_distribution, lot, members

NOTE = ".meta"
MAX_NOTE = 1 << 20
FEW = 100  # files that tell
NAMED = {"name", "version"}  # it notes with each object
DIGITS = 4
AT_ONCE = 32  # files that a bucket is asked about


async def fits(place: Place) -> bool:
    """Files lie below a digest of their own names, or something is noted with or beside them."""
    seen = 0
    async for entry in place.walk():
        if isinstance(entry, Entry) and is_distribution(entry.name):
            return _hashed(entry) or await _noted(place, entry)
        seen += 1
        if seen == FEW:
            break
    return False


async def _noted(place: Place, entry: Entry) -> bool:
    said = await place.said(entry.path)
    return said.keys() >= NAMED or await place.find(entry.path + NOTE) is not None


def _hashed(entry: Entry) -> bool:
    digest = hashlib.md5(entry.name.encode(), usedforsecurity=False).hexdigest()
    return entry.path.split("/")[-3:-2] == [digest[:DIGITS]]


async def lots(place: Place, part: str | None) -> AsyncIterator[Lot]:  # noqa: ARG001 - every kind's signature
    async for some in _batches(place):
        told = await asyncio.gather(*(_facts(place, each) for each in some))
        for entry, facts in zip(some, told, strict=True):
            if (found := lot(place, entry, **facts)) is not None:
                yield found


async def _batches(place: Place) -> AsyncIterator[list[Entry | Left]]:
    """All but the notes, as many at once as are asked about at once."""
    some: list[Entry | Left] = []
    async for entry in place.walk():
        if isinstance(entry, Left) or not entry.name.endswith(NOTE):
            some.append(entry)
        if len(some) == AT_ONCE:
            yield some
            some = []
    if some:
        yield some


async def _facts(place: Place, entry: Entry | Left) -> dict[str, Any]:
    """What it has noted of a file: with the object in a bucket, beside the file in a folder."""
    if isinstance(entry, Left) or not is_distribution(entry.name):
        return {}
    noted: Mapping[str, Any] = await place.said(entry.path)
    if not noted and not _hashed(entry):
        noted = members(await place.read(entry.path + NOTE, MAX_NOTE) or b"{}")
    said = {key.replace("-", "_"): value for key, value in noted.items() if isinstance(value, str)}
    hashes = {"sha256": said.get("hash_sha256"), "md5": said.get("hash_md5")}
    return {"hashes": sane_hashes(hashes), "uploaded_by": said.get("uploader") or None}
