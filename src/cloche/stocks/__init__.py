"""What other systems have kept, one kind a module: each knows what it looks like, and reads it.

A kind exports `fits(place)` and `lots(place, part)`; `part` is what of it is wanted, where a system
has several.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import ModuleType

from cloche import kinds, stocks
from cloche.core.errors import BadSetting
from cloche.ports import Hashed, Lot, Scratch, Stock, Way
from cloche.stocks._folder import Folder
from cloche.stocks._places import Place

ORDER = ("devpi", "bandersnatch", "proxpi", "pypicloud", "pypicache", "folder")
"""The one that is most sure of what it sees comes first, the one that takes anything last."""


async def connect(
    source: str, kind: str | None, part: str | None, options: Mapping[str, str]
) -> Stock:
    """Open a folder, or a bucket; find out what has kept it, unless that is said.

    `options` are those of the store of blobs. Raise BadSetting when there is nothing like that.
    """
    place = _place(source, options)
    await place.check()
    if kind is not None and kind not in ORDER:
        raise BadSetting(f"{kind!r} is no kind of stock; known are {', '.join(ORDER)}")
    for name in (kind,) if kind else ORDER:
        module = kinds.load(stocks, name)
        if await module.fits(place):
            if part is not None and name != "devpi":
                raise BadSetting(
                    f"--from is for devpi, and {source} looks like {name}; leave it out"
                )
            return _Opened(name, module, place, part)
    raise BadSetting(
        f"{source} does not look like {kind}; leave out --as, or name the right folder"
    )


def _place(source: str, options: Mapping[str, str]) -> Place:
    if "://" not in source or source.startswith("file://"):
        return Folder.at(source)
    from cloche.stocks._bucket import connect  # noqa: PLC0415  # most are folders, and it takes time

    return connect(source, options)


@dataclass(frozen=True, slots=True)
class _Opened:
    kind: str
    module: ModuleType
    place: Place
    part: str | None

    @property
    def passed(self) -> int:
        return self.place.passed

    def lots(self) -> AsyncIterator[Lot]:
        found: AsyncIterator[Lot] = self.module.lots(self.place, self.part)
        return found

    def taken(self, path: str, scratch: Scratch, way: Way) -> AbstractAsyncContextManager[Hashed]:
        return self.place.taken(path, scratch, way)

    async def read(self, path: str, most: int) -> bytes | None:
        return await self.place.read(path, most)

    async def remove(self, path: str) -> None:
        await self.place.remove(path)
