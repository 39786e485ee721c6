"""pypicache's folder: `packages/{letter}/{project}/{file}`."""

from collections.abc import AsyncIterator

from cloche.ports import Lot
from cloche.stocks._places import Entry, Place, lot

FILES = "packages"
FEW = 100  # files that tell


async def fits(place: Place) -> bool:
    seen = 0
    async for entry in place.walk(FILES):
        if not isinstance(entry, Entry) or not _lies_right(entry.path):
            return False
        seen += 1
        if seen == FEW:
            break
    return seen > 0


def _lies_right(path: str) -> bool:
    match path.split("/"):
        case [_, letter, project, _]:
            return letter.lower() == project[:1].lower()
        case _:
            return False


async def lots(place: Place, part: str | None) -> AsyncIterator[Lot]:  # noqa: ARG001 - every kind's signature
    async for entry in place.walk(FILES):
        if (found := lot(place, entry)) is not None:
            yield found
