"""proxpi's cache folder: `{host}/{path of the address}`, without anything said of the files."""

import re
from collections.abc import AsyncIterator

from cloche.ports import Lot
from cloche.stocks._places import Entry, Place, lot

FEW = 100  # files that tell
_HOST = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+\Z")
# PyPI's addresses of files have their blake2b in them.
_NAMED = re.compile(r"(?:.*/)?packages/([0-9a-f]{2})/([0-9a-f]{2})/([0-9a-f]{60})/[^/]+\Z")


async def fits(place: Place) -> bool:
    hosts = [name async for name in place.folders("")]
    if not hosts or not all(_HOST.match(name) for name in hosts):
        return False
    seen = 0
    async for entry in place.walk():
        if isinstance(entry, Entry) and _NAMED.match(entry.path):
            return True
        seen += 1
        if seen == FEW:
            break
    return False


async def lots(place: Place, part: str | None) -> AsyncIterator[Lot]:  # noqa: ARG001 - every kind's signature
    async for entry in place.walk():
        named = _NAMED.match(entry.path)
        hashes = {"blake2_256": "".join(named.groups())} if named else {}
        if (found := lot(place, entry, hashes=hashes)) is not None:
            yield found
