"""PyPI Cloud's bucket (`{hash}/{project}/{file}`) or folder (`{project}/{version}/{file}`).

What it knows of files beyond that is in its own database, but for a note beside each in a folder.
"""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

from cloche.core.model import sane_hashes
from cloche.ports import Lot
from cloche.stocks._places import Entry, Place, is_distribution, lot, members

NOTE = ".meta"
MAX_NOTE = 1 << 20
FEW = 100  # files that tell
DIGITS = 4


async def fits(place: Place) -> bool:
    """Files lie below a digest of their own names, or have a note beside them."""
    seen = 0
    async for entry in place.walk():
        if isinstance(entry, Entry) and is_distribution(entry.name):
            return _hashed(entry) or await place.find(entry.path + NOTE) is not None
        seen += 1
        if seen == FEW:
            break
    return False


def _hashed(entry: Entry) -> bool:
    digest = hashlib.md5(entry.name.encode(), usedforsecurity=False).hexdigest()
    return entry.path.split("/")[-3:-2] == [digest[:DIGITS]]


async def lots(place: Place, part: str | None) -> AsyncIterator[Lot]:  # noqa: ARG001 - every kind's signature
    async for entry in place.walk():
        facts: dict[str, Any] = {}
        if isinstance(entry, Entry):
            if entry.name.endswith(NOTE):
                continue
            if is_distribution(entry.name) and not _hashed(entry):
                facts = _facts(await place.read(entry.path + NOTE, MAX_NOTE) or b"{}")
        if (found := lot(place, entry, **facts)) is not None:
            yield found


def _facts(note: bytes) -> dict[str, Any]:
    said = {key: value for key, value in members(note).items() if isinstance(value, str)}
    hashes = {"sha256": said.get("hash_sha256"), "md5": said.get("hash_md5")}
    return {"hashes": sane_hashes(hashes), "uploaded_by": said.get("uploader") or None}
