"""What was worked out for the next to ask: pages and their rendered bytes, while they hold.

An entry holds until the instant that its sources name, or until the journal names its project:
then it is dropped, whichever process wrote. That costs a request one look at the pulse.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime

from cloche.core.model import File, FileKey, Page, ProjectName
from cloche.ports import Clock, Ledger, Pulse
from cloche.service.view import Sight, View

MAX_BYTES = 48 << 20
NEVER = 2**63 - 1  # a serial after which nothing has changed: only the newest is wanted
FILE_WEIGHT = 1000  # bytes that a File and its strings take, about


@dataclass(frozen=True, slots=True)
class Rendered:
    """A response's bytes, and its headers, which `head` has ready for the wire."""

    body: bytes
    etag: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    head: bytes


@dataclass(slots=True)
class Shown:
    """One project as one index shows it. `holds` turns False when it must not be used again."""

    index: str
    sight: Sight
    until: datetime
    by_name: dict[str, File]
    renders: dict[Hashable, Rendered] = field(default_factory=dict)
    holds: bool = True

    @property
    def page(self) -> Page:
        return self.sight.page

    def find(self, filename: str, key: FileKey) -> File | None:
        file = self.by_name.get(filename)
        return file if file is not None and file.key == key else None

    @property
    def weight(self) -> int:
        return FILE_WEIGHT * (1 + len(self.by_name)) + sum(
            len(r.body) for r in self.renders.values()
        )


Place = tuple[str, ProjectName]


class Shelf:
    """Bounded in bytes; the least recently asked for goes first."""

    def __init__(
        self, view: View, ledger: Ledger, pulse: Pulse, clock: Clock, *, max_bytes: int = MAX_BYTES
    ) -> None:
        self._view = view
        self._ledger = ledger
        self._pulse = pulse
        self._clock = clock
        self._max_bytes = max_bytes
        self._entries: OrderedDict[Place, Shown] = OrderedDict()
        self._weights: dict[Place, int] = {}
        self._weight = 0
        self._flights: dict[Place, asyncio.Task[Shown]] = {}
        self._beat = -1
        self._serial = NEVER
        self._looked = -1.0
        self._catching_up = asyncio.Lock()

    def current(self, shown: Shown) -> bool:
        """Whether what was shown may be shown again. Asks nobody, and costs microseconds."""
        return shown.holds and self._pulse.beat() == self._beat and self._clock() < shown.until

    async def get(self, index: str, project: ProjectName) -> Shown:
        """The project as the index shows it now. Raise what `View.project` raises."""
        await self._catch_up()
        place = (index, project)
        shown = self._entries.get(place)
        if shown is not None and self._clock() < shown.until:
            self._entries.move_to_end(place)
            return shown
        flight = self._flights.get(place)
        if flight is None:
            flight = asyncio.get_running_loop().create_task(self._look(place))
            self._flights[place] = flight
            flight.add_done_callback(lambda task: self._landed(place, task))
        return await asyncio.shield(flight)

    def peek(self, index: str, project: ProjectName) -> Shown | None:
        """What was shown last, however old; None when it is not there any more."""
        return self._entries.get((index, project))

    def grew(self, shown: Shown) -> None:
        """Take note that something was rendered, and make room for it."""
        place = (shown.index, shown.page.name)
        if self._entries.get(place) is shown:
            self._weigh(place, shown)

    async def _catch_up(self) -> None:
        """Drop what the journal says has changed since the last look."""
        if self._pulse.beat() == self._beat:
            return
        clock = asyncio.get_running_loop().time
        came = clock()
        async with self._catching_up:
            if self._looked >= came:
                return  # somebody has looked while this one waited
            began = clock()
            beat = self._pulse.beat()
            serial, changed = await self._ledger.changes(self._serial)
            for place in [p for p in {**self._entries, **self._flights} if p[1] in changed]:
                self._drop(place)
            self._serial, self._beat, self._looked = serial, beat, began

    async def _look(self, place: Place) -> Shown:
        me = asyncio.current_task()
        sight = await self._view.project(*place)
        shown = self._made(place, sight)
        # What changed while we looked, and be it by our own keeping of the page, is noticed
        # here: then this answer serves those who wait for it, and nobody after them.
        await self._catch_up()
        if self._flights.get(place) is me:
            self._put(place, shown)
        return shown

    def _made(self, place: Place, sight: Sight) -> Shown:
        before = self._entries.get(place)
        if before is not None and before.sight.page == sight.page:
            shown = Shown(place[0], sight, sight.until, before.by_name, before.renders)
        else:
            by_name = {file.filename: file for file in sight.page.files}
            shown = Shown(place[0], sight, sight.until, by_name)
        return shown

    def _put(self, place: Place, shown: Shown) -> None:
        self._drop(place, flight=False)
        self._entries[place] = shown
        self._weigh(place, shown)

    def _weigh(self, place: Place, shown: Shown) -> None:
        self._weight += shown.weight - self._weights.get(place, 0)
        self._weights[place] = shown.weight
        while self._weight > self._max_bytes and len(self._entries) > 1:
            self._drop(next(iter(self._entries)), flight=False)

    def _drop(self, place: Place, *, flight: bool = True) -> None:
        if flight:
            self._flights.pop(place, None)
        shown = self._entries.pop(place, None)
        if shown is not None:
            shown.holds = False
            self._weight -= self._weights.pop(place)

    def _landed(self, place: Place, task: asyncio.Task[Shown]) -> None:
        if self._flights.get(place) is task:
            del self._flights[place]
        if not task.cancelled():
            task.exception()  # those who waited have it; nobody may be left to take it
