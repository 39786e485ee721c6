"""Loose distributions, flat or in folders: a wheelhouse, a pypiserver root, a static index."""

from collections.abc import AsyncIterator

from cloche.ports import Lot
from cloche.stocks._places import SIGNATURE, Entry, Place, lot


async def fits(place: Place) -> bool:  # noqa: ARG001 - every kind's signature
    """Anything can be one."""
    return True


async def lots(place: Place, part: str | None) -> AsyncIterator[Lot]:  # noqa: ARG001 - the same
    """Every file on its own. pypiserver may keep a signature beside the file that it is of."""
    async for entry in place.walk():
        if isinstance(entry, Entry) and entry.name.endswith(SIGNATURE):
            continue
        if (found := lot(place, entry, signature=entry.path + SIGNATURE)) is not None:
            yield found
