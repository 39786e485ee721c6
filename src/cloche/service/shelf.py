"""What was worked out for the next to ask: pages and their rendered bytes, while they hold.

An entry holds until the instant that its sources name, or until the journal names its project:
then it is dropped, whichever process wrote. That costs a request one look at the pulse.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import NamedTuple

from cloche.core.model import Digest, File, FileKey, Page, ProjectName
from cloche.ports import Clock, Pulse, Records
from cloche.service.sight import Sight
from cloche.service.view import View

MAX_BYTES = 48 << 20
NEVER = 2**63 - 1  # a serial after which nothing has changed: only the newest is wanted
FILE_WEIGHT = 1000  # bytes that a File and its strings take, about


class Sent(NamedTuple):
    """A distribution that was sent: its blob is the body of the response."""

    project: ProjectName | None  # where an upstream tells of it
    filename: str
    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """A response's bytes, and its headers, which `head` has ready for the wire.

    A distribution's are not in `body`, but where its blob lies.
    """

    body: bytes
    etag: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    head: bytes
    origin: str | None = None  # where the server must have been asked for, if that matters
    sent: Sent | None = None


@dataclass(slots=True)
class Shown:
    """One project as one index shows it. `holds` turns False when it must not be used again."""

    index: str
    sight: Sight
    until: datetime
    by_name: dict[str, File]
    renders: dict[Hashable, Rendered] = field(default_factory=dict)
    besides: dict[str, Rendered] = field(default_factory=dict)  # files, by their names
    attested: bool = False  # whether any file has provenance, whose address must be absolute
    holds: bool = True

    @property
    def page(self) -> Page:
        return self.sight.page

    def find(self, filename: str, key: FileKey) -> File | None:
        """The file of that name and key, also one that is withheld."""
        file = self.by_name.get(filename) or self.sight.withheld.get(filename)
        return file if file is not None and file.key == key else None

    @property
    def weight(self) -> int:
        return FILE_WEIGHT * (1 + len(self.by_name) + len(self.sight.withheld)) + sum(
            len(r.body) + len(r.head)
            for each in (self.renders, self.besides)
            for r in each.values()
        )


Place = tuple[str, ProjectName]
Ends = Callable[[str, ProjectName, datetime], None]


@dataclass(slots=True)
class _Look:
    """A look under way, and what the journal has said of its project meanwhile."""

    named: list[tuple[str, int]] = field(default_factory=list)  # where, serial
    task: asyncio.Task[Shown] = field(init=False)

    def holds(self, sight: Sight) -> bool:
        """Whether what was seen is what the journal speaks of, and nothing else is."""
        return all(serial <= sight.serials.get(where, -1) for where, serial in self.named)


class Shelf:
    """Bounded in bytes; the least recently asked for goes first."""

    def __init__(
        self,
        view: View,
        ledger: Records,
        pulse: Pulse,
        clock: Clock,
        *,
        max_bytes: int = MAX_BYTES,
        ends: Ends | None = None,
    ) -> None:
        """With `ends` it is told until when the rulings of each page hold that was looked at."""
        self._view = view
        self._ledger = ledger
        self._pulse = pulse
        self._clock = clock
        self._max_bytes = max_bytes
        self._ends = ends
        self._entries: OrderedDict[Place, Shown] = OrderedDict()
        self._weights: dict[Place, int] = {}
        self._weight = 0
        self._looks: dict[Place, _Look] = {}
        self._beat = -1
        self._serial = NEVER
        self._reading: asyncio.Future[bool] | None = None

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
        look = self._looks.get(place)
        if look is None or look.named:  # it may not have seen what the journal speaks of
            look = self._begin(place)
        return await asyncio.shield(look.task)

    def renew(self, shown: Shown) -> None:
        """Have looked anew at what has lost its time; nobody waits for that."""
        place = (shown.index, shown.page.name)
        if self._clock() >= shown.until and place not in self._looks:
            self._begin(place)

    def _begin(self, place: Place) -> _Look:
        look = self._looks[place] = _Look()
        look.task = asyncio.get_running_loop().create_task(self._look(place, look))
        look.task.add_done_callback(partial(self._landed, place, look))
        return look

    def peek(self, index: str, project: ProjectName) -> Shown | None:
        """What was shown last, however old; None when it is not there any more."""
        return self._entries.get((index, project))

    async def last(self, index: str, project: ProjectName) -> Shown | None:
        """What was shown last, unless the journal named the project, or a ruling ended, since."""
        await self._catch_up()
        shown = self._entries.get((index, project))
        return shown if shown and self._clock() < shown.sight.ruled_until else None

    def grew(self, shown: Shown) -> None:
        """Take note that something was rendered, and make room for it."""
        place = (shown.index, shown.page.name)
        if self._entries.get(place) is shown:
            self._entries.move_to_end(place)
            self._weigh(place, shown)

    async def _catch_up(self) -> None:
        """Drop what the journal says has changed since the last look at it.

        All who wait for one look go on at once: of those who wait for a lock, one would in each
        turn of the loop.
        """
        if self._reading is not None and self._pulse.beat() != self._beat:
            await asyncio.shield(self._reading)  # it may have begun before what this must see
        while self._pulse.beat() != self._beat:
            if self._reading is None:
                await self._read_journal()
                return
            if await asyncio.shield(self._reading):
                return

    async def _read_journal(self) -> None:
        done = self._reading = asyncio.get_running_loop().create_future()
        try:
            beat = self._pulse.beat()
            changes = await self._ledger.changes(self._serial)
            for (where, project), serial in changes.named.items():
                self._named(where, project, serial)
            self._serial, self._beat = changes.serial, beat
            done.set_result(True)
        finally:
            self._reading = None
            if not done.done():
                done.set_result(False)

    def _named(self, where: str, project: ProjectName, serial: int) -> None:
        for index in self._view.indexes:
            place = (index, project)
            if place in self._looks:
                self._looks[place].named.append((where, serial))
            shown = self._entries.get(place)
            if shown and serial > shown.sight.serials.get(where, -1):
                self._drop(place)

    async def _look(self, place: Place, look: _Look) -> Shown:
        sight = await self._view.project(*place)
        shown = self._made(place, sight)
        if self._ends is not None:
            self._ends(*place, sight.ruled_until)
        # What changed while we looked is noticed here: then this answer serves those who wait
        # for it, and nobody after them.
        await self._catch_up()
        if self._looks.get(place) is look and look.holds(sight):
            self._put(place, shown)
        return shown

    def _made(self, place: Place, sight: Sight) -> Shown:
        before = self._entries.get(place)
        # The serial is in the headers of what was rendered.
        if before and (before.sight.page, before.sight.told) == (sight.page, sight.told):
            return Shown(
                place[0],
                sight,
                sight.until,
                before.by_name,
                before.renders,
                before.besides,
                before.attested,
            )
        by_name = {file.filename: file for file in sight.page.files}
        attested = any(file.provenance for file in sight.page.files)
        return Shown(place[0], sight, sight.until, by_name, attested=attested)

    def _put(self, place: Place, shown: Shown) -> None:
        self._drop(place)
        self._entries[place] = shown
        self._weigh(place, shown)

    def _weigh(self, place: Place, shown: Shown) -> None:
        self._weight += shown.weight - self._weights.get(place, 0)
        self._weights[place] = shown.weight
        while self._weight > self._max_bytes and len(self._entries) > 1:
            self._drop(next(iter(self._entries)))

    def _drop(self, place: Place) -> None:
        shown = self._entries.pop(place, None)
        if shown is not None:
            shown.holds = False
            self._weight -= self._weights.pop(place)

    def _landed(self, place: Place, look: _Look, task: asyncio.Task[Shown]) -> None:
        if self._looks.get(place) is look:
            del self._looks[place]
        if not task.cancelled():
            task.exception()  # those who waited have it; nobody may be left to take it
