"""Naming moments, so that what was there then is kept, and found again."""

from dataclasses import dataclass

from cloche.core import marks, moments
from cloche.ports import Clock, Deed, Snapshot, Snapshots
from cloche.service.past import Times


@dataclass(frozen=True, slots=True)
class Naming:
    times: Times
    snapshots: Snapshots
    clock: Clock

    async def create(
        self, index: str, name: str, who: str, why: str = "", when: str | None = None
    ) -> Snapshot:
        """Name a moment of an index, or this very one.

        Raise BadName, BadRequest when the name is taken or the moment is still to come,
        NoSuchIndex.
        """
        named = moments.snapshot_name(name)
        self.times.files.view.index(index)
        moment = None if when is None else await self.times.moment(index, when)
        return await self.snapshots.create(index, named, moment, self._deed(who, why))

    async def named(self, index: str | None) -> list[Snapshot]:
        """Those of one index or of all, in the order of their making."""
        return await self.snapshots.named(index)

    async def delete(self, index: str, name: str, who: str, why: str = "") -> None:
        """Raise NoSuchMoment. What only it has kept may be swept from now on."""
        await self.snapshots.delete(index, name, self._deed(who, why))

    def _deed(self, who: str, why: str) -> Deed:
        return Deed(who=who, at=self.clock(), reason=marks.reason(why))
